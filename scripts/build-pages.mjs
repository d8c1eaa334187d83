// Makes one script for browsers of each page, src/**/browser/main.ts, with all that it imports, and one style sheet where
// it imports any.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/**/browser/main.ts'],
  outbase: 'src',
  outdir: 'dist/src',
  bundle: true,
  minify: true,
  charset: 'utf8',
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  metafile: true,
  write: false,
});

for (const { path, text } of outputFiles) {
  // Scripts and styles stand within elements of their pages, whose policy has their hashes.
  if (/<!--|<\/?script|<\/style/i.test(text)) throw new Error(`${path} cannot stand in a page.`);
  const licences = await Promise.all(packagesIn(path).map(licenceOf));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, licences.join('') + text);
}

/** Packages of which something is in a built file. */
function packagesIn(path) {
  const inputs = Object.keys(metafile.outputs[relative(root, path)].inputs);
  const folders = inputs.map((input) => /^node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0]);
  return [...new Set(folders)].filter((folder) => folder !== undefined);
}

/** Its licence, which goes along with every page that is written. */
async function licenceOf(folder) {
  const file = (await readdir(`${root}${folder}`)).find((name) => /^licen[cs]e/i.test(name));
  const text = await readFile(`${root}${folder}/${file}`, 'utf8');
  return `/* ${folder.slice('node_modules/'.length)}. ${text.trim().replaceAll(/\r\n?/g, '\n')} */\n`;
}
