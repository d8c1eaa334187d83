import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recap } from '../support/command.js';

const commands = ['prepare', 'train', 'overfit', 'caption', 'evaluate', 'gradcheck', 'bench', 'info'];

describe('recap', () => {
  it('prints the version of its package', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(recap(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n` });
  });

  it('without a command prints help on stderr and exits with 2', () => {
    const { status, stdout, stderr } = recap([]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    for (const command of commands) expect(stderr).toContain(`recap ${command} `);
  });

  it.each(commands)('%s --help explains every option and gives an example', (command) => {
    const { status, stdout } = recap([command, '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('Examples:');
    const options = stdout.slice(stdout.indexOf('Options:'), stdout.indexOf('Examples:'));
    for (const line of options.match(/^ +--.*$/gm) ?? []) expect(line).toMatch(/--[a-z-]+ +[A-Z]/);
  });

  it.each([
    [['trian'], 'unknown command trian; did you mean train?'],
    [['trian', '--config', 'x'], 'unknown command trian; did you mean train?'],
    [['train', 'my.yaml'], 'unknown argument my.yaml; did you mean --config my.yaml?'],
    [['caption', '--checkpoint', 'x', '--momentum', '5'], 'unknown option --momentum; try --help.'],
    [['train', '--confg', 'x'], 'unknown option --confg; did you mean --config?'],
    [['train', '--batchSize=3'], 'unknown option --batchSize; did you mean --set train.batchSize=VALUE?'],
    [['train', 'x'], 'unknown argument x; try --help.'],
    [['prune', '--yes', '--', 'a'], 'recap takes no words after --. Write a name that begins with a dash as ./-name.'],
    [['overfit'], 'Missing required argument: config. Try --help.'],
    [['train', '--config', 'a', '--config', 'b'], '--config is given more than once.'],
    [['train', '--config', 'none.yaml'], 'There is no config file none.yaml.'],
    [['train', '--config', 'config/shapes.yaml', '--set', '__proto__.x=1'], '--set __proto__.x=1: unknown key'],
    [['caption', '--checkpoint', 'x', '--split', 'tset'], 'Invalid values: Argument: split, Given: "tset"'],
    [['caption', '--checkpoint', 'x', '--count', 'many'], '--count takes a number.'],
    [['caption', '--checkpoint', 'x', '--alpha='], '--alpha takes a number.'],
    [['evaluate', '--run', 'x', '--min-length', ' '], '--min-length takes a number.'],
    [['evaluate', '--run', 'x', '--minLength='], '--min-length takes a number.'],
    [['serve', '--checkpoint', 'x', '--port='], '--port takes a number.'],
    [['overfit', '--config', 'x', '--epochs', ''], '--epochs takes a number.'],
    [['caption', '--checkpoint', 'x', '--count', '0'], '--count: found 0, expected a whole number from 1 on.'],
    [['caption', '--checkpoint', 'x', 'a.jpg', '--count', '5'], '--count goes with images of the data;'],
    [['caption', '--checkpoint', 'x', 'a.jpg', '--split', 'val'], '--split goes with images of the data;'],
    [['caption', '--checkpoint', 'n'.repeat(300)], `${'n'.repeat(300)} cannot be read: ENAMETOOLONG`],
    [['caption', '--checkpoint', 'none.safetensors'], 'none.safetensors does not exist.'],
    [['overfit', '--config'], 'Not enough arguments following: config. Try --help.'],
    [['bench', '--shape', 'coco', '--workers', '100000'], '--workers: found 100000, expected at most 1024.'],
    [['bench'], 'bench needs either --shape coco or --config FILE.'],
  ])('%j ends with exit code 2 and one line on stderr', (words, message) => {
    const { status, stdout, stderr } = recap(words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`recap: ${message}`);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('ends quietly when the reader of its output goes away', async () => {
    const child = spawn(process.execPath, ['dist/src/cli/main.js', 'info'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdout.destroy();
    const [status] = await once(child, 'close');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

describe('recap info', () => {
  it('names each engine, whether it works here, and why not', () => {
    const { status, stdout } = recap(['info']);
    expect(status).toBe(0);
    for (const engine of ['reference', 'cpu', 'gpu'])
      expect(stdout).toMatch(new RegExp(`^${engine} +\\S+ +(yes|no)`, 'm'));
    expect(stdout).toMatch(/^reference +float64 +yes/m);
    for (const line of stdout.match(/^(reference|cpu|gpu).* no .*$/gm) ?? []) expect(line).toMatch(/ no +\S.{5,}/);
  });
});
