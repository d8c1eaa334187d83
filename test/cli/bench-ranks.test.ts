/** `recap bench` in one process and in several, and what it predicts of more. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refuseIdleNetwork } from '../../src/cli/network-options.js';
import { configToYaml } from '../../src/config/load.js';
import { Job, launchers } from '../e2e/jobs.js';
import { recap } from '../support/command.js';
import { describeWith } from '../support/requirements.js';
import { smallConfig, temporaryFolder, writeData } from '../training/runs.js';

let folder: string;
let data: string;
let words: string[];
beforeAll(async () => {
  folder = temporaryFolder();
  data = await writeData();
  const config = join(folder, 'small.yaml');
  writeFileSync(config, configToYaml(smallConfig(data, ['engine=reference', 'train.shards=auto'])));
  words = ['bench', '--config', config, '--steps', '2', '--workers', '1', '--quiet'];
});
afterAll(() => {
  for (const each of [folder, data]) rmSync(each, { recursive: true, force: true });
});

interface PredictedStep {
  readonly reduction: string;
  readonly ranks: number;
  readonly stepMs: number;
  readonly communicationShare: number;
  readonly efficiency: number;
  readonly measuredMs: number | null;
}

function predictionOf(stdout: string) {
  const { prediction } = JSON.parse(stdout) as {
    prediction: { steps: PredictedStep[]; network: object; measuredRanks: number; fitted: object };
  };
  return prediction;
}

describe('recap bench --predict', () => {
  it('predicts 1 to 256 ranks on the network that is given', () => {
    const { status, stdout, stderr } = recap([
      ...words,
      '--predict',
      '--json',
      '--latency',
      '5',
      '--bandwidth',
      '12.5',
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { steps, network, measuredRanks } = predictionOf(stdout);
    expect(network).toEqual({
      latencyMicroseconds: 5,
      bandwidthGigabytesPerSecond: 12.5,
      from: { latency: 'given', bandwidth: 'given' },
    });
    expect(measuredRanks).toBe(1);
    const doubled = [1, 2, 4, 8, 16, 32, 64, 128, 256];
    expect(steps.map(({ reduction, ranks }) => [reduction, ranks])).toEqual([
      ...doubled.map((ranks) => ['ordered', ranks]),
      ...doubled.map((ranks) => ['fast', ranks]),
    ]);
    const [alone, two] = steps;
    expect(alone).toMatchObject({ efficiency: 1, communicationShare: 0 });
    expect(alone!.measuredMs).toBeGreaterThan(0);
    expect(two!.measuredMs).toBeNull();
    expect(two!.communicationShare).toBeGreaterThan(0);
  });

  it('assumes 10 Gbit/s Ethernet where nothing is said, and leaves out ranks that would have no shard', () => {
    const { status, stdout } = recap([...words, '--predict', '--set', 'train.shards=4']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/bandwidth +1\.18 GB\/s \(of 10 Gbit\/s Ethernet\)/);
    expect(stdout).toContain('8, 16, 32, 64, 128, 256 ranks cannot train so');
  });

  it('refuses a network that is for nothing or that there cannot be, and several worker counts', () => {
    expect(() => refuseIdleNetwork({ predict: false, latency: 5 })).toThrow(
      '--latency is the network that --predict is for. Add --predict, or leave it out.',
    );
    for (const bandwidth of [0, -1, Number.POSITIVE_INFINITY]) {
      expect(() => refuseIdleNetwork({ predict: true, bandwidth })).toThrow(
        `--bandwidth: found ${bandwidth}, expected a number of gigabytes a second above 0.`,
      );
    }
    const { status, stderr } = recap(['bench', '--shape', 'coco', '--predict', '--workers', '1,2']);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'recap: --workers: found "1,2", expected one worker count with --predict.\n',
    });
  });
});

describeWith({ command: launchers['Open MPI'] }, 'recap bench on several ranks', () => {
  const shape = ['bench', '--shape', 'coco', '--batch', '8', '--steps', '1', '--set', 'model.hiddenDim=8', '--quiet'];

  const onTwo = (words: readonly string[]) => new Job('Open MPI', { ranks: 2, words }).ended;

  it('measures a step of all of them on the same random captions, for each number of workers', async () => {
    const { status, stdout, stderr } = await onTwo([...shape, '--workers', '1,2', '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { communicationMs: number });
    expect(records).toMatchObject([
      { ranks: 2, workers: 2, shards: 2 },
      { ranks: 2, workers: 4, shards: 2 },
    ]);
    for (const { communicationMs } of records) expect(communicationMs).toBeGreaterThan(0);
  });

  it('measures the network between them, and says beside the prediction what was measured', async () => {
    const { status, stdout, stderr } = await onTwo([...words, '--predict', '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { steps, network, measuredRanks } = predictionOf(stdout);
    expect(network).toMatchObject({ from: { latency: 'measured', bandwidth: 'measured' } });
    expect(measuredRanks).toBe(2);
    const measured = steps.filter(({ measuredMs }) => measuredMs !== null);
    expect(measured.map(({ reduction, ranks }) => [reduction, ranks])).toEqual([
      ['ordered', 1],
      ['ordered', 2],
      ['fast', 1],
    ]);
  });

  it('refuses a search, which would be of one process', async () => {
    const { status, stderr } = await onTwo([...shape, '--workers', 'auto']);
    expect(status).toBe(2);
    expect(stderr).toContain('--workers auto searches in one process, but there are 2 ranks.');
  });
});
