// Makes the docs' picture of the page of `recap serve`, on which a photo has just been dropped.
//
//   npm run build
//   node scripts/serve-picture.mjs PHOTO --checkpoint runs/mine [OPTIONS OF serve]
import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const [photo, ...options] = process.argv.slice(2);
if (!photo || options.length === 0) {
  console.error('usage: node scripts/serve-picture.mjs PHOTO --checkpoint RUN [OPTIONS OF serve]');
  process.exit(2);
}

const root = fileURLToPath(new URL('..', import.meta.url));
const main = `${root}dist/src/cli/main.js`;
const server = spawn(process.execPath, [main, 'serve', '--port', '0', ...options], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
const browser = await chromium.launch({ executablePath, args, timeout: 120_000 });
try {
  const address = await new Promise((resolve, reject) => {
    let output = '';
    server.once('exit', () => reject(new Error('the server has ended')));
    server.stdout.on('data', (chunk) => {
      output += chunk;
      const found = /http:\/\/\S+/.exec(output);
      if (found) resolve(found[0]);
    });
  });
  const page = await browser.newPage({ viewport: { width: 900, height: 600 }, colorScheme: 'light' });
  await page.goto(address);
  await page.locator('#file').setInputFiles(photo);
  await page.locator('#captions').waitFor({ timeout: 60_000 });
  await page
    .locator('#looks svg')
    .first()
    .waitFor({ timeout: 5000 })
    .catch(() => {});
  const file = `${root}docs/serve.webp`;
  const picture = sharp(await page.screenshot({ fullPage: true })).webp({ quality: 82 });
  const { size } = await picture.toFile(file);
  console.log(`${file} ${size} bytes`);
} finally {
  await browser.close();
  server.kill('SIGTERM');
}
