// Makes README's pictures of `recap board`: of runs, light, dark and on a phone, or of the captions of one run, whose
// images have to be ones that may be published, such as the drawn scenes.
//
//   npm run build
//   node scripts/board-pictures.mjs runs/a runs/b
//   node scripts/board-pictures.mjs --captions runs/shapes
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const isOfCaptions = process.argv[2] === '--captions';
const runs = process.argv.slice(isOfCaptions ? 3 : 2);
if (runs.length === 0) {
  console.error('usage: node scripts/board-pictures.mjs RUN... | --captions RUN');
  process.exit(2);
}

const largest = 150_000;
const ofRuns = [
  { name: 'light', width: 1200, height: 1040, colorScheme: 'light' },
  { name: 'dark', width: 1200, height: 1040, colorScheme: 'dark' },
  { name: 'phone', width: 390, height: 844, colorScheme: 'light', from: 'Curves' },
];
const from = 'Captions of validation images';
const ofCaptions = [{ name: 'captions', width: 1200, height: 760, colorScheme: 'light', from }];

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'recap-board-'));
const report = join(folder, 'report.html');
execFileSync(process.execPath, [`${root}dist/src/cli/main.js`, 'board', ...runs, '--out', report]);
const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
const browser = await chromium.launch({ executablePath, args, timeout: 120_000 });
try {
  for (const { name, width, height, colorScheme, from = 'recap board' } of isOfCaptions ? ofCaptions : ofRuns) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    await page.goto(pathToFileURL(report).href);
    await page.locator('.u-over').first().waitFor();
    await page.getByRole('heading', { name: from }).evaluate((heading) => heading.scrollIntoView());
    await page.evaluate(
      'Promise.all([...document.images].map((image) => { image.loading = "eager"; return image.decode(); }))',
    );
    // A frame after the last curve is drawn.
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
    const file = `${root}docs/board-${name}.webp`;
    await sharp(await page.screenshot())
      .webp({ quality: 82 })
      .toFile(file);
    const { size } = statSync(file);
    console.log(`${file} ${size} bytes`);
    if (size > largest) throw new Error(`${file} has more than ${largest} bytes.`);
    await page.close();
  }
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
