/** `--quiet` and `--json`: what is left of the output for scripts and programs. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configToYaml } from '../../src/config/load.js';
import { Train } from '../e2e/processes.js';
import { recap } from '../support/command.js';
import { smallConfig, temporaryFolder, writeData } from '../training/runs.js';

let folder: string;
let data: string;
let config: string;
beforeAll(async () => {
  folder = temporaryFolder();
  data = await writeData();
  config = join(folder, 'small.yaml');
  writeFileSync(config, configToYaml(smallConfig(data, ['train.epochs=2', 'engine=reference'])));
});
afterAll(() => {
  for (const each of [folder, data]) rmSync(each, { recursive: true, force: true });
});

type JsonRecord = { readonly type: string } & Readonly<Record<string, unknown>>;

function recordsOf(text: string): JsonRecord[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonRecord);
}

describe('recap train --json', () => {
  it('prints what will run, what the log gets, and how it ended, an object a line and nothing else', () => {
    const run = join(folder, 'json');
    const { status, stdout, stderr } = recap(['train', '--config', config, '--run', run, '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [start, ...rest] = recordsOf(stdout);
    const end = rest.pop();
    expect(start).toMatchObject({
      type: 'start',
      run,
      doneSteps: 0,
      data: { source: data, trainingCaptions: 20, validationCaptions: 9, vocabulary: 40 },
      engine: { name: 'reference', precision: 'float64' },
      workers: 2,
      shards: 3,
      epochs: 2,
      lastStep: 8,
    });
    expect(rest).toEqual(recordsOf(readFileSync(join(run, 'metrics.jsonl'), 'utf8')));
    expect(rest.map(({ type }) => type)).toContain('step');
    expect(end).toMatchObject({ type: 'end', outcome: 'finished', run, step: 8, best: { step: 8, metric: 'loss' } });
  });

  it('says where it went on, and that nothing was left to do', () => {
    const again = recap(['train', '--resume', join(folder, 'json'), '--set', 'train.epochs=3', '--json']);
    const [start, ...rest] = recordsOf(again.stdout);
    expect(start).toMatchObject({ type: 'start', doneSteps: 8 });
    expect(rest.at(-1)).toMatchObject({ type: 'end', outcome: 'finished', step: 12 });
    expect(again.stderr).toMatch(/^note: changed: train\.epochs: 2 → 3\n$/);
    const complete = recap(['train', '--resume', join(folder, 'json'), '--json']);
    expect(recordsOf(complete.stdout)).toMatchObject([{ type: 'end', outcome: 'alreadyComplete', step: 12 }]);
  });

  it('says why it failed, on standard error for people too', () => {
    const { status, stdout, stderr } = recap(['train', '--config', config, '--run', join(folder, 'json'), '--json']);
    expect(status).toBe(2);
    const [end] = recordsOf(stdout);
    expect(end).toMatchObject({ type: 'end', outcome: 'failed' });
    expect(stderr).toBe(`recap: ${end!.message}\n`);
    const mistyped = recap(['train', '--config', config, '--set', 'train.sed=5', '--json']);
    expect(recordsOf(mistyped.stdout)).toMatchObject([{ type: 'end', outcome: 'failed' }]);
  });
});

describe('recap train --quiet', () => {
  it('prints the result alone', () => {
    const run = join(folder, 'quiet');
    const { status, stdout, stderr } = recap(['train', '--config', config, '--run', run, '--quiet']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Done: 8 steps in [^\n]*\n {2}npx recap caption --checkpoint [^\n]*\n$/);
  });
});

describe('The checks and the sweep', () => {
  const overfit = (...more: string[]) =>
    recap(['overfit', '--config', config, '--captions', '2', '--epochs', '10', '--set', 'model.hiddenDim=8', ...more]);

  it('recap overfit --json and --quiet', () => {
    const json = overfit('--json');
    const records = recordsOf(json.stdout);
    expect(records.map(({ type }) => type)).toEqual(['start', ...Array(10).fill('step'), 'captions', 'end']);
    const end = records.at(-1)!;
    expect(end).toMatchObject({ outcome: json.status === 0 ? 'passed' : 'failed', of: 2, epochs: 10 });
    expect(overfit('--quiet').stdout).toMatch(/^\d of 2 captions memorised word for word[^\n]*\n$/);
  });

  it('recap overfit --json that a signal stops', async () => {
    const words = [
      '--config',
      config,
      '--captions',
      '2',
      '--epochs',
      '1000000',
      '--set',
      'train.optimizer.learningRate=1e-30',
    ];
    const overfit = new Train([...words, '--json'], {}, 'overfit');
    await overfit.until(({ stdout }) => stdout.includes('"type":"step"'));
    overfit.kill('SIGINT');
    const { status, stdout } = await overfit.ended;
    expect(status).toBe(130);
    expect(recordsOf(stdout).at(-1)).toMatchObject({ type: 'end', outcome: 'stopped', of: 2 });
  });

  it('recap gradcheck --json and --quiet', () => {
    const gradcheck = (...more: string[]) => recap(['gradcheck', '--config', config, '--elements', '1', ...more]);
    const records = recordsOf(gradcheck('--json').stdout);
    expect(records[0]).toMatchObject({ type: 'start', model: { title: 'LSTM, W = 16, H = 24' } });
    expect(records[1]).toMatchObject({ type: 'gradient', name: 'W_proj', compared: 1, outcome: 'passed' });
    expect(records.at(-1)).toMatchObject({ type: 'end', outcome: 'passed', allowed: 1e-5 });
    expect(gradcheck('--quiet').stdout).toMatch(/^largest relative error \S+, allowed 0.00001\n$/);
  });

  it('recap sweep --json and --quiet', () => {
    const words = ['sweep', '--config', config, '--grid', 'train.lrDecay=0.9,0.8', '--out', join(folder, 'sweep')];
    const records = recordsOf(recap([...words, '--json']).stdout);
    const marks = records.filter(({ type }) => !['step', 'validation', 'samples'].includes(type));
    expect(marks.map(({ type }) => type)).toEqual(['start', 'run', 'runEnd', 'run', 'runEnd', 'end']);
    expect(marks[3]).toMatchObject({ settings: ['train.lrDecay=0.8'] });
    expect(marks.at(-1)).toMatchObject({ outcome: 'finished', runs: [{ step: 8 }, { step: 8, failure: null }] });
    // A folder that is another's ends it.
    const out = join(folder, 'torn');
    mkdirSync(out);
    writeFileSync(join(out, 'train.lrDecay-0.8-seed-231'), '');
    const torn = recap(['sweep', '--config', config, '--grid', 'train.lrDecay=0.9,0.8', '--out', out, '--json']);
    expect(torn.status).toBe(2);
    expect(recordsOf(torn.stdout).at(-1)).toMatchObject({ type: 'end', outcome: 'failed' });
    const { stdout, stderr } = recap([...words, '--quiet']);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^\| settings \|[^\n]*\n(\|[^\n]*\n){3}$/);
  });
});
