// A published package cannot override what its dependencies ask for, and gpu.js asks for an old webgpu and for gl, which
// compiles for minutes; recap needs neither. So the package carries gpu.js along, with a manifest that leaves them out:
// `slim`, before packing, rewrites the manifest in node_modules, and `restore` puts the original back.
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const manifest = fileURLToPath(new URL('../node_modules/gpu.js/package.json', import.meta.url));
const original = `${manifest}.original`;
const [, , action] = process.argv;

if (action === 'slim') {
  // An original is there already where an earlier pack was interrupted.
  if (!existsSync(original)) copyFileSync(manifest, original);
  const content = JSON.parse(readFileSync(original, 'utf8'));
  delete content.dependencies.webgpu;
  delete content.optionalDependencies;
  writeFileSync(`${manifest}.slim`, `${JSON.stringify(content, null, 2)}\n`);
  renameSync(`${manifest}.slim`, manifest);
} else if (action === 'restore' && existsSync(original)) {
  renameSync(original, manifest);
}
