/** The commands about runs on the disk, as programs. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configToYaml } from '../../src/config/load.js';
import { Train } from '../e2e/processes.js';
import { recap } from '../support/command.js';
import { smallConfig, temporaryFolder, trainUntil, writeData } from '../training/runs.js';

let data: string;
let folder: string;
const stopped = 'sweep/it is 画像 at 100%';
const hostile = 'red \u001b[31m\nline';
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  const config = (...sets: string[]) => smallConfig(data, ['train.workers=1', 'train.shards=1', ...sets]);
  await trainUntil(null, join(folder, 'done'), { config: config() });
  await trainUntil({ afterStep: 3 }, join(folder, stopped), { config: config('model.cell=gru', 'train.clip.norm=5') });
  mkdirSync(join(folder, hostile));
  writeFileSync(join(folder, hostile, 'metrics.jsonl'), '');
  writeFileSync(join(folder, 'plain.yaml'), configToYaml(config()));
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('recap runs', () => {
  it('lists all runs below a folder in columns, with what is wrong with some', () => {
    const { status, stdout, stderr } = recap(['runs', folder]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [head, ...lines] = stdout.trimEnd().split('\n');
    const stateAt = stringWidth(head!.slice(0, head!.indexOf('state')));
    const rows = ['done', stopped, hostile].map((name) => lines.find((line) => line.includes(name.slice(0, 4)))!);
    expect(lines).toHaveLength(3);
    expect(rows.map((line) => stringWidth(line.slice(0, line.search(/finished|stopped|broken/))))).toEqual(
      Array(3).fill(stateAt),
    );
    expect(rows[0]).toMatch(/done +finished +12\/12 +loss \d+\.\d{4} at \d+ +\d+\.\d{4} +\d+ (s|min) +\d+ KB$/);
    expect(rows[1]).toMatch(/ stopped +3\/12 +– +\d+\.\d{4} /);
    expect(rows[2]).toMatch(/red \\u001b\[31m\\u000aline +broken .* is not a run: it has no config\.yaml\.$/);
  });

  it('prints an object a line with --json, the newest first', () => {
    const records = jsonLines(recap(['runs', folder, '--json']).stdout);
    expect(records.map(({ run }) => run)).toEqual([hostile, stopped, 'done'].map((name) => join(folder, name)));
    expect(records[2]).toMatchObject({
      state: 'finished',
      step: 12,
      lastStep: 12,
      best: { metric: 'loss' },
      notes: [],
    });
    expect(Date.parse(records[1].writtenAt)).toBeGreaterThan(Date.parse(records[2].writtenAt));
  });

  it('says where there are none, and where there is no such folder', () => {
    mkdirSync(join(folder, 'empty'), { recursive: true });
    expect(recap(['runs', join(folder, 'empty')])).toMatchObject({
      status: 0,
      stdout: `No run is in ${join(folder, 'empty')}.\n`,
    });
    expect(recap(['runs', 'none'])).toMatchObject({
      status: 2,
      stderr: 'recap: There is no folder none; expected a run, or a folder that runs are in.\n',
    });
  });
});

describe('recap show', () => {
  it('shows config, checkpoints, validations and captions, and the commands that go on', () => {
    const dir = join(folder, 'done');
    const { status, stdout } = recap(['show', dir]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^state {5}finished, step 12\/12, last written \d+ (s|min) ago; \d+ KB$/m);
    expect(stdout).toMatch(/^ {10}model\.hiddenDim +24$/m);
    expect(stdout).toMatch(/^data {6}20 training and 9 validation captions, V = \d+, T = 9, D = 32$/m);
    expect(stdout).toMatch(/^ {2}best\.safetensors +step \d+ +\d+(\.\d)? KB$/m);
    expect(stdout.match(/^ {6}\d +(4|8|12) +\d+\.\d{4} +\d+\.\d\d( {2}best)?$/gm)).toHaveLength(3);
    expect(stdout).toMatch(/^captions after step 12\n {2}image 0 {2}true {7}\S/m);
    expect(stdout).toContain(`  train longer  npx recap train --resume ${dir} --set train.epochs=4\n`);
  });

  it('quotes the run in the commands, as a shell reads it', () => {
    const dir = join(folder, stopped);
    const record = JSON.parse(recap(['show', dir, '--json']).stdout);
    expect(record).toMatchObject({ state: 'stopped', settings: { 'model.cell': 'gru', 'train.clip.norm': 5 } });
    expect(record.commands.caption).toBe(`npx recap caption --checkpoint '${dir}'`);
    expect(Object.keys(record.commands)).toEqual(['go on', 'again', 'caption', 'evaluate']);
    const words = spawnSync('sh', ['-c', `printf '%s\\n' ${record.commands['go on']}`], { encoding: 'utf8' }).stdout;
    expect(words.split('\n').at(-2)).toBe(dir);
  });

  it('says of a folder that is no run where runs are looked for', () => {
    expect(recap(['show', join(folder, 'sweep')])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('sweep is not a run: it has neither config.yaml nor metrics.jsonl.'),
    });
    expect(recap(['show', 'none'])).toMatchObject({ status: 2, stderr: 'recap: There is no run folder none.\n' });
  });
});

describe('recap diff', () => {
  it('shows the keys in which runs and config files differ, and their values', () => {
    const [done, other, plain] = [join(folder, 'done'), join(folder, stopped), join(folder, 'plain.yaml')];
    const { differences } = JSON.parse(recap(['diff', done, other, plain, '--json']).stdout);
    expect(differences).toEqual([
      { key: 'model.cell', values: ['lstm', 'gru', 'lstm'] },
      { key: 'train.clip.norm', values: [null, 5, null] },
    ]);
    const { stdout } = recap(['diff', done, other]);
    expect(stdout).toMatch(/^key +\S.*\nmodel\.cell +lstm +gru\ntrain\.clip\.norm +null +5\n$/);
    expect(recap(['diff', done, plain]).stdout).toBe('same\n');
  });

  it('needs two configs', () => {
    expect(recap(['diff', join(folder, 'done')])).toMatchObject({
      status: 2,
      stderr: 'recap: diff needs two runs or more, or config files.\n',
    });
  });
});

describe('recap prune', () => {
  it('lists what it would delete and deletes that with --yes', () => {
    const root = join(folder, 'to prune');
    cpSync(join(folder, 'done'), join(root, 'done'), { recursive: true });
    const old = join(root, 'done', 'checkpoints', 'step-0.safetensors');
    const dry = recap(['prune', root]);
    expect(dry).toMatchObject({ status: 0, stderr: '' });
    expect(dry.stdout).toMatch(
      /^ *\d+(\.\d)? KB {2}.*\/step-0\.safetensors\nNothing is deleted yet: 1 file of 1 run, /,
    );
    expect(dry.stdout).toContain(`\n  npx recap prune '${root}' --yes\n`);
    expect(jsonLines(recap(['prune', root, '--json']).stdout)).toMatchObject([
      { run: join(root, 'done'), deleted: false, whole: false, files: [{ path: old }], notes: [] },
    ]);
    expect(existsSync(old)).toBe(true);
    expect(recap(['prune', root, '--yes']).stdout).toMatch(/\nDeleted: 1 file of 1 run, \d+(\.\d)? KB\.\n$/);
    expect(existsSync(old)).toBe(false);
    expect(recap(['prune', root]).stdout).toBe('Nothing of 1 run can be deleted.\n');
  });

  it('finishes with a run when it is stopped, and leaves no lock', async () => {
    const root = join(folder, 'many to prune');
    const runs = Array.from({ length: 40 }, (_, i) => join(root, `run-${i}`));
    for (const run of runs) cpSync(join(folder, 'done'), run, { recursive: true });
    const prune = new Train([root, '--yes'], {}, 'prune');
    await prune.until(({ stdout }) => stdout.includes('step-0'));
    prune.kill('SIGINT');
    const { status, stdout } = await prune.ended;
    // It may have been done.
    expect(status).toBeOneOf([0, 130]);
    expect(stdout).toMatch(/\nDeleted: \d+ files? of \d+ runs?, /);
    for (const run of runs) expect(readdirSync(run).toSorted()).toEqual(readdirSync(join(folder, 'done')).toSorted());
  });

  it('refuses an age that is none', () => {
    expect(recap(['prune', folder, '--older', '3 days'])).toMatchObject({
      status: 2,
      stderr: 'recap: --older: found "3 days", expected a number of hours, days or weeks: 12h, 30d, 8w.\n',
    });
  });
});
