// Bundles the board's page, its charts included, into one script and one style sheet beside the compiled server.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}dist/src/board/page`;
await mkdir(out, { recursive: true });

const licence = await readFile(`${root}node_modules/uplot/LICENSE`, 'utf8');

await build({
  input: `${root}src/board/page/main.ts`,
  platform: 'browser',
  tsconfig: false,
  output: {
    file: `${out}/bundle.js`,
    format: 'iife',
    minify: true,
    comments: false,
    // Goes along with every copy, so with every page that is written.
    postBanner: `/* uPlot. ${licence.trim()} */`,
  },
  transform: { target: 'es2023' },
});

const styles = ['node_modules/uplot/dist/uPlot.min.css', 'src/board/page/style.css'];
const texts = await Promise.all(styles.map((style) => readFile(`${root}${style}`, 'utf8')));
await writeInline('bundle.css', texts.join('\n'), '</style');
await writeInline('bundle.js', await readFile(`${out}/bundle.js`, 'utf8'), '</script');

/** As a browser sees it within an element of the page: that is what the policy has the hash of. */
async function writeInline(name, text, end) {
  if (/<!--|<script/i.test(text) || text.toLowerCase().includes(end))
    throw new Error(`${name} cannot stand in a page.`);
  await writeFile(`${out}/${name}`, text.replaceAll(/\r\n?/g, '\n'));
}
