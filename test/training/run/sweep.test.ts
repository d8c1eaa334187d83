/** Sweeps: which runs they are, that they go on where they were cut off, and the table at their end. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configToYaml } from '../../../src/config/load.js';
import { UserError } from '../../../src/errors.js';
import { sweepTable } from '../../../src/report/sweep-table.js';
import { parseGrid, settingsOf, sweep, sweepRuns } from '../../../src/training/run/sweep.js';
import { loggedSteps, Train } from '../../e2e/processes.js';
import { readMetrics, smallConfig, temporaryFolder, writeData } from '../runs.js';

let data: string;
let folder: string;
let file: string;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  file = join(folder, 'small.yaml');
  writeFileSync(file, configToYaml(smallConfig(data, ['train.epochs=2', 'train.shards=auto'])));
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

const newFolder = () => mkdtempSync(join(folder, 'sweep-'));
const axes = (...texts: string[]) => texts.map(parseGrid);

describe('the runs of a sweep', () => {
  it('are all combinations, or each value alone on top of the config', () => {
    const grid = axes('train.ema=null,0.9', 'train.schedule=cosine,{name: constant, warmup: 3}');
    const cosine = 'train.schedule="cosine"';
    const constant = 'train.schedule={"name":"constant","warmup":3}';
    expect(settingsOf(grid, false)).toEqual([
      ['train.ema=null', cosine],
      ['train.ema=null', constant],
      ['train.ema=0.9', cosine],
      ['train.ema=0.9', constant],
    ]);
    expect(settingsOf(grid, true)).toEqual([[], ['train.ema=null'], ['train.ema=0.9'], [cosine], [constant]]);
  });

  it('have a folder and the seeds of their own', () => {
    const settings = settingsOf(axes('train.ema=0.9,0.99', 'train.schedule={name: constant, warmup: 3}'), true);
    const runs = sweepRuns(file, ['train.lrDecay=null'], settings, 2, 'out');
    expect(runs.map(({ seed, config }) => [seed, config.train.seed, config.train.ema])).toEqual([
      ...[231, 232].map((seed) => [seed, seed, null]),
      ...[231, 232].map((seed) => [seed, seed, 0.9]),
      ...[231, 232].map((seed) => [seed, seed, 0.99]),
      ...[231, 232].map((seed) => [seed, seed, null]),
    ]);
    const names = runs.map(({ dir }) => dir);
    expect(names.slice(0, 3)).toEqual(['out/plain-seed-231', 'out/plain-seed-232', 'out/train.ema-0.9-seed-231']);
    expect(names[6]).toMatch(/^out\/train\.schedule--name-constant-warmup-3--[0-9a-f]{8}-seed-231$/);
    expect(new Set(names).size).toBe(8);
  });

  it.each([
    ['=3', '--grid =3: expected KEY=VALUE,VALUE, such as train.weightDecay=0,0.01.'],
    ['train.ema=', '--grid train.ema=: no value is given.'],
    ['train.ema=[', '--grid train.ema=[: the values are not valid YAML: '],
  ])('are refused: --grid %s', (text, message) => {
    expect(() => parseGrid(text)).toThrow(UserError);
    expect(() => parseGrid(text)).toThrow(message);
  });

  it('are all checked before the first one begins', () => {
    const wrong = settingsOf(axes('train.ema=0.9,1.5'), false);
    expect(() => sweepRuns(file, [], wrong, 1, 'out')).toThrow('train.ema is 1.5; expected');
    const twice = settingsOf([parseGrid('train.ema=0.5,5e-1')], false);
    expect(() => sweepRuns(file, [], twice, 1, 'out')).toThrow('--grid gives train.ema=0.5 twice. Leave one out.');
    const seeds = settingsOf([parseGrid('train.seed=1,2')], false);
    expect(() => sweepRuns(file, [], seeds, 2, 'out')).toThrow('--grid train.seed goes without --seeds, which');
    const unknown = settingsOf(axes('train.emma=0.9'), false);
    expect(() => sweepRuns(file, [], unknown, 1, 'out')).toThrow('unknown key train.emma; did you mean train.ema?');
  });
});

describe('a sweep', () => {
  it('counts a run that diverges as one without a loss, and goes on', async () => {
    const settings = settingsOf(axes('train.optimizer={name: sgd, learningRate: 10},{name: adam}'), false);
    // A decay that makes weights 10,000 times larger at each step of SGD, and does nothing to the length of Adam's.
    const sets = ['train.weightDecay=1000', 'train.epochs=4'];
    const results = await sweep(sweepRuns(file, sets, settings, 1, newFolder()));
    expect(results.map(({ failure }) => failure)).toEqual([
      expect.stringMatching(/^Step \d+: the (loss|gradient)/),
      null,
    ]);
    expect(sweepTable(results).slice(2)).toEqual([
      '| `train.optimizer={"name":"sgd","learningRate":10}` | – | 1 of 1 without a loss | – |',
      expect.stringMatching(/^\| `train\.optimizer=\{"name":"adam"\}` \| \*\*[\d.]+\*\* \| one seed \| \d+ \|$/),
    ]);
  });

  it('by a score has the highest in bold', async () => {
    const settings = settingsOf(axes('train.optimizer.learningRate=0.00001,0.01'), false);
    const sets = ['validate.metric=ROUGE_L', 'train.epochs=8'];
    const results = await sweep(sweepRuns(file, sets, settings, 1, newFolder()));
    const [low, high] = results.map(({ outcome }) => outcome!.best!.value) as [number, number];
    expect(low).not.toBe(high);
    const [title, , ...rows] = sweepTable(results);
    expect(title).toContain('best validation ROUGE_L');
    expect(rows.map((row) => row.includes('**'))).toEqual([low > high, high > low]);
  });

  it('with another setting in the same folder is refused, and the run that has the old one is named', async () => {
    const out = newFolder();
    const [settings, sets] = [settingsOf(axes('train.ema=0.5,0.9'), false), ['train.epochs=1', 'engine=reference']];
    expect(await sweep(sweepRuns(file, sets, settings, 1, out))).toHaveLength(2);
    const others = sweepRuns(file, [...sets, 'model.hiddenDim=25'], settings, 1, out);
    await expect(sweep(others)).rejects.toThrow(
      `The run in ${join(out, 'train.ema-0.5-seed-231')} cannot go on with another model.hiddenDim: 24 → 25.`,
    );
  });

  it('that is killed and called again has the table of one that never was, and makes no step twice', async () => {
    const words = ['--config', file, '--alone', '--grid', 'train.ema=0.5,0.9', '--seeds', '2'];
    const tableOf = (stdout: string) => stdout.split('\n').filter((line) => line.startsWith('|'));
    const whole = await new Train([...words, '--out', newFolder()], {}, 'sweep').ended;
    expect(whole.status).toBe(0);
    expect(tableOf(whole.stdout)).toHaveLength(5);

    const out = newFolder();
    const third = join(out, 'train.ema-0.5-seed-231');
    const killed = new Train([...words, '--out', out, '--set', 'checkpoint.everySteps=1'], {}, 'sweep');
    expect(await killed.until(() => loggedSteps(third) >= 2)).toBe(true);
    killed.kill('SIGKILL');
    await killed.ended;
    const finished = join(out, 'plain-seed-231', 'metrics.jsonl');
    const before = readFileSync(finished, 'utf8');

    const again = await new Train([...words, '--out', out, '--set', 'checkpoint.everySteps=1'], {}, 'sweep').ended;
    expect(again.status).toBe(0);
    expect(tableOf(again.stdout)).toEqual(tableOf(whole.stdout));
    expect(readFileSync(finished, 'utf8')).toBe(before);
    expect(readdirSync(out)).toHaveLength(6);
    expect(readMetrics(third).filter(({ type }) => type === 'step')).toHaveLength(8);
  }, 300_000);
});
