// A published package cannot override what its dependencies ask for, and gpu.js asks for an old webgpu and for gl, which
// compiles for minutes; recap needs neither. So the package carries gpu.js along, with a manifest that leaves them out:
// `prepack` rewrites the manifest in node_modules, `postpack` puts the original back.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const manifest = fileURLToPath(new URL('../node_modules/gpu.js/package.json', import.meta.url));
const original = `${manifest}.original`;

if (process.argv[2] === 'restore') {
  if (existsSync(original)) renameSync(original, manifest);
} else {
  const content = JSON.parse(readFileSync(existsSync(original) ? original : manifest, 'utf8'));
  renameSync(manifest, original);
  delete content.dependencies.webgpu;
  delete content.optionalDependencies;
  writeFileSync(manifest, JSON.stringify(content, null, 2));
}
