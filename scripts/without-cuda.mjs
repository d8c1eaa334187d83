// On Linux the install script of onnxruntime-node fetches CUDA, hundreds of megabytes that recap never loads. A published
// package cannot set npm's options for those who install it, but its own `preinstall` runs before the install scripts of
// its dependencies: this one makes that script end at once, unless it is told what to install (--onnxruntime-node-install)
// or the project depends on onnxruntime-node itself. In the checkout .npmrc and allowScripts say the same.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const mark = '// Changed by recap: nothing is fetched unless it is asked for.';
const change = `${mark}
if (!process.env.npm_config_onnxruntime_node_install && !process.env.ONNXRUNTIME_NODE_INSTALL) process.exit(0);
`;

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function isWantedByProject(folder) {
  const { dependencies, optionalDependencies } = existsSync(join(folder, 'package.json')) ? manifestOf(folder) : {};
  return 'onnxruntime-node' in { ...dependencies, ...optionalDependencies };
}

function scriptPath() {
  try {
    const main = createRequire(import.meta.url).resolve('onnxruntime-node');
    return join(dirname(main), '../script/install.js');
  } catch {
    // An optional package, which may have been left out.
    return null;
  }
}

const path = scriptPath();
if (path !== null && existsSync(path) && !isWantedByProject(process.env.INIT_CWD ?? '.')) {
  const script = readFileSync(path, 'utf8');
  if (!script.startsWith(mark)) {
    // Renamed into place, since package managers link one file into many projects.
    writeFileSync(`${path}.changed`, change + script);
    renameSync(`${path}.changed`, path);
  }
}
