import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { png } from '../features/photos.js';
import { describeWith } from '../support/requirements.js';

const packed = [
  'package.json',
  'package-lock.json',
  'dist',
  'config',
  'docs',
  'examples',
  'README.md',
  'LICENSE',
  'scripts',
];
const bundled = ['gpu.js', 'acorn', 'gpu-mock.js'];

function npm(folder: string, ...words: string[]): string {
  return execFileSync('npm', words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

describeWith({ network: true }, 'the packed package, installed in an empty folder', () => {
  const root = mkdtempSync(join(tmpdir(), 'recap-package-'));
  const source = join(root, 'source');
  const user = join(root, 'user');
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** Packs a copy, because packing the checkout would build it anew under the other tests. */
  beforeAll(() => {
    for (const name of packed) if (existsSync(name)) cpSync(name, join(source, name), { recursive: true });
    for (const name of bundled)
      cpSync(join('node_modules', name), join(source, 'node_modules', name), { recursive: true });
    npm(source, 'pkg', 'delete', 'scripts.prepare');
    npm(source, 'pack', '--pack-destination', root);
    const [tarball] = readdirSync(root).filter((name) => name.endsWith('.tgz'));
    mkdirSync(user);
    writeFileSync(join(user, 'package.json'), '{ "private": true, "type": "module" }');
    npm(user, 'install', '--no-audit', '--no-fund', join(root, tarball!));
  }, 600_000);

  function run(command: string, ...words: string[]): SpawnSyncReturns<string> {
    return spawnSync(command, words, { cwd: user, encoding: 'utf8', timeout: 250_000 });
  }

  it('leaves the manifests of the packing folder as they were', () => {
    const manifest = join('node_modules', 'gpu.js', 'package.json');
    expect(readFileSync(join(source, manifest), 'utf8')).toBe(readFileSync(manifest, 'utf8'));
  });

  it('brings gpu.js without gl, which would compile, and one webgpu', () => {
    const tree = npm(user, 'ls', '--all', '--parseable').split('\n');
    const named = (name: string) => tree.filter((path) => path.endsWith(`/node_modules/${name}`));
    expect(named('gl')).toEqual([]);
    expect(named('gpu.js')).toHaveLength(1);
    expect(named('webgpu')).toHaveLength(1);
  });

  it('brings onnxruntime and sharp, without the CUDA that onnxruntime would fetch on Linux', async () => {
    const runtime = join(user, 'node_modules/onnxruntime-node');
    const script = readFileSync(join(runtime, 'script/install.js'), 'utf8');
    expect(script).toMatch(/^\/\/ Changed by recap: nothing is fetched unless it is asked for\./);
    const binaries = readdirSync(join(runtime, 'bin'), { recursive: true, encoding: 'utf8' });
    expect(binaries.filter((name) => name.includes(`${process.platform}/${process.arch}/`))).not.toEqual([]);
    expect(binaries.filter((name) => /providers_(cuda|tensorrt|shared)/.test(name))).toEqual([]);
    mkdirSync(join(user, 'data'));
    writeFileSync(join(user, 'data/photo.png'), await png(40, 30));
    writeFileSync(join(user, 'data/train2014_images.txt'), 'photo.png\n');
    const network = resolve('test/fixtures/tiny-network.onnx');
    const { stdout } = run(
      'npx',
      '--no-install',
      'recap',
      'features',
      '--data',
      'data',
      '--model',
      network,
      '--preset',
      'resnet',
    );
    expect(stdout).toMatch(/^features {2}1 train: 2 columns$/m);
  });

  it('runs the command and finds gpu.js and webgpu', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(run('npx', '--no-install', 'recap', '--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
    const { stdout } = run('npx', '--no-install', 'recap', 'info');
    expect(stdout).toMatch(/^gpu +webasm +yes/m);
    expect(stdout).toMatch(/^gpu +webgpu +(yes|no +no WebGPU adapter)/m);
    expect(stdout).toMatch(/^cpu +wasm +yes/m);
  });

  it.each(['{name: cpu, blas: none}', '{name: gpu, mode: webasm}'])(
    'trains on the built-in set with engine %s, and captions its images',
    (engine) => {
      const set = [
        `engine=${engine}`,
        'train.epochs=1',
        'data.trainLimit=100',
        'train.workers=2',
        'model.hiddenDim=16',
      ];
      const words = ['train', '--config', 'node_modules/recap/config/shapes.yaml', '--run', `run-${engine.length}`];
      const { status, stderr } = run(
        'npx',
        '--no-install',
        'recap',
        ...words,
        ...set.flatMap((text) => ['--set', text]),
      );
      expect({ status, stderr }).toMatchObject({ status: 0 });
      const captions = ['caption', '--checkpoint', `run-${engine.length}`, '--count', '3'];
      const captioned = run('npx', '--no-install', 'recap', ...captions);
      expect(captioned).toMatchObject({ status: 0 });
      expect(captioned.stdout).toMatch(/^ +0 {2}\w.*\n +1 {2}\w.*\n +2 {2}\w.*\n$/);
    },
  );

  it('goes by the commands of README from photos to captions, scores, ONNX and what a page needs', async () => {
    mkdirSync(join(user, 'photos'));
    const names = Array.from({ length: 12 }, (_, i) => `photo ${i}.png`);
    for (const [i, name] of names.entries()) writeFileSync(join(user, 'photos', name), await png(40 + i, 30));
    writeFileSync(
      join(user, 'captions.csv'),
      ['image,caption', ...names.map((name) => `${name},a wide wall`)].join('\n'),
    );
    const recap = (line: string) => run('npx', '--no-install', 'recap', ...line.split(' '));
    const output = (line: string) => {
      const { status, stdout, stderr } = recap(line);
      expect(status, stderr).toBe(0);
      return stdout.trimEnd().split('\n');
    };
    const made = output('prepare --captions captions.csv --images photos --min-count 3 --out data/mine');
    // The next command is the last line, as README has it.
    expect(made.at(-1)).toBe('  npx recap features --data data/mine --builtin');
    const featured = output('features --data data/mine --builtin');
    const config = /--config (\S+)/.exec(featured.at(-1)!)![1]!;
    const small = 'train.epochs=4 train.schedule.warmup=2 train.batchSize=6 model.hiddenDim=16 model.wordDim=16';
    const sets = ['data.dir=data/mine', ...small.split(' ')].map((set) => `--set ${set}`).join(' ');
    output(`train --config ${config} --run runs/mine ${sets}`);
    expect(output('caption --checkpoint runs/mine photos --json')).toHaveLength(12);
    output('evaluate --run runs/mine --split val --json');
    output('export --checkpoint runs/mine --onnx mine.onnx');
    expect(existsSync(join(user, 'mine.onnx'))).toBe(true);
    const page = recap('export --checkpoint runs/mine --web page');
    expect(page).toMatchObject({ status: 2 });
    expect(page.stderr).toContain('Install it by: npm install --no-save onnxruntime-web@');
  });

  it('is a library whose types a strict compiler accepts', () => {
    const program = [
      "import { type Config, parseConfigText, UserError } from 'recap';",
      "const config: Config = parseConfigText('data: { builtin: shapes }', 'text');",
      'const rate: number = config.train.optimizer.learningRate;',
      'console.log(rate, UserError.name);',
    ].join('\n');
    writeFileSync(join(user, 'program.ts'), program);
    const tsc = resolve('node_modules/.bin/tsc');
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck', '--types', ''];
    expect(run(tsc, ...options, 'program.ts')).toMatchObject({ status: 0, stdout: '' });
    expect(run(process.execPath, 'program.js')).toMatchObject({ status: 0, stdout: '0.001 UserError\n' });
  });
});
