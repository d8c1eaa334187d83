/** What a run says of its own health, on curves that are made up and in real runs. */
import { rmSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfigText } from '../../../src/config/load.js';
import { generator } from '../../../src/data/random.js';
import { bestInstructionSet } from '../../../src/engine/cpu/kernels.js';
import { fasterThan } from '../../../src/training/loop/faster-engine.js';
import { Health } from '../../../src/training/run/health.js';
import type { HealthNotice, HealthSubject } from '../../../src/training/run/health-rules.js';
import type { RunRecord, StepRecord } from '../../../src/training/run/records.js';
import { startRun } from '../../../src/training/run/train.js';
import { readMetrics, resultOf, smallConfig, temporaryFolder, trainUntil, watched, writeData } from '../runs.js';

function healthOf(sets: readonly string[] = [], more: Partial<HealthSubject> = {}): Health {
  const config = parseConfigText('{ data: { builtin: shapes } }', 'the config of a test', sets);
  return new Health({ config, stepsPerEpoch: 100, workers: 2, shards: 2, fasterEngine: null, ...more });
}

function stepOf(step: number, loss: number, more: Partial<StepRecord> = {}): StepRecord {
  const seconds = { compute: 0.1, wait: 0.01, update: 0.01, rest: 0.001 };
  const measured = { learningRate: 0.001, gradientNorm: 5, parameterNorm: 80, captionsPerSecond: 900, seconds };
  return { type: 'step', step, epoch: Math.ceil(step / 100), loss, ...measured, memoryBytes: 3e8, ...more };
}

const validationOf = (epoch: number, loss: number, CIDEr?: number): RunRecord => {
  const scores = CIDEr === undefined ? {} : { scores: { CIDEr } as never };
  return { type: 'validation', step: 100 * epoch, epoch, loss, perplexity: 50, captions: 1000, ...scores };
};

/** Steps of a loss, or of all that a step has, by their number from 1. */
function steps(count: number, of: (step: number) => number | Partial<StepRecord>): StepRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const made = of(i + 1);
    return typeof made === 'number' ? stepOf(i + 1, made) : stepOf(i + 1, made.loss ?? 30, made);
  });
}

/** With a validation after every 100 steps. */
function validated(records: readonly RunRecord[], of: (epoch: number) => RunRecord): RunRecord[] {
  return records.flatMap((record) => (record.step % 100 === 0 ? [record, of(record.step / 100)] : [record]));
}

interface Told extends HealthNotice {
  readonly step: number;
}

const told = (health: Health, records: readonly RunRecord[]): Told[] =>
  records.flatMap((record) => health.observe(record).map((notice) => ({ step: record.step, ...notice })));

const kinds = (health: Health, records: readonly RunRecord[]) =>
  told(health, records).map(({ step, kind }) => `${kind} at ${step}`);

/** A loss that falls from 70 to 30, with the noise of minibatches. */
function learning(step: number, noise = 0.1): number {
  const random = generator(7, `noise ${step}`);
  const uniform = (random.next() >>> 0) / 2 ** 32;
  return (30 + 40 * Math.exp(-step / 150)) * (1 + noise * (2 * uniform - 1));
}

describe('a run that learns says nothing', () => {
  it('whatever its losses begin and end with, however noisy its minibatches, warmed up or not', () => {
    const curve = fc.record({
      start: fc.double({ min: 20, max: 200, noNaN: true }),
      share: fc.double({ min: 0, max: 0.9, noNaN: true }),
      pace: fc.double({ min: 10, max: 500, noNaN: true }),
      noise: fc.double({ min: 0, max: 0.25, noNaN: true }),
      warmup: fc.nat(300),
      seed: fc.nat(1000),
    });
    const isSilent = fc.property(curve, ({ start, share, pace, noise, warmup, seed }) => {
      const random = generator(seed, 'noise');
      const one = () => 1 + noise * (2 * ((random.next() >>> 0) / 2 ** 32) - 1);
      const records = steps(800, (step) => {
        const done = Math.exp(-Math.max(0, step - warmup) / pace);
        const loss = start * (share + (1 - share) * done) * one();
        return { loss, gradientNorm: (3 + 20 * done) * one() };
      });
      expect(told(healthOf(), records)).toEqual([]);
    });
    fc.assert(isSilent, { numRuns: 50 });
  });

  it('where odd minibatches have a loss many times too high', () => {
    const records = steps(800, (step) => ({
      loss: step % 40 === 0 ? 5000 : learning(step),
      gradientNorm: step % 40 === 0 ? 900 : 6,
    }));
    expect(told(healthOf(), records)).toEqual([]);
  });

  it('where its captions are learnt by heart and nothing is left to learn', () => {
    const records = steps(1000, (step) => ({
      loss: 60 * Math.exp(-step / 40),
      gradientNorm: 20 * Math.exp(-step / 40),
    }));
    expect(told(healthOf(), records)).toEqual([]);
  });

  it('where it has a few steps alone, or trains one caption at a time', () => {
    expect(
      told(
        healthOf(),
        validated(steps(7, learning), (epoch) => validationOf(epoch, 40)),
      ),
    ).toEqual([]);
    const single = steps(800, (step) => learning(step, 0.6));
    expect(told(healthOf(['train.batchSize=1']), single)).toEqual([]);
  });

  it('where the captions of its data become longer towards their end, in their order', () => {
    const records = steps(1200, (step) => learning(step) * (0.3 + (1.4 * (step % 400)) / 400));
    expect(kinds(healthOf(['train.sampling=sequential'], { stepsPerEpoch: 400 }), records)).toEqual([]);
  });

  it('where it trains on its own captions, whose loss is not one, and the true ones become less likely', () => {
    const records = steps(1000, (step) => ({
      loss: 0.3 * Math.sin(step),
      gradientNorm: 0.4 + 0.2 * Math.sin(step / 9),
      rewards: { samples: 0.5 + step / 5000 + 0.1 * Math.sin(step / 3), baseline: 0.5 },
    }));
    const worse = validated(records, (epoch) => validationOf(epoch, 34 + epoch, 0.5 + epoch / 100));
    expect(told(healthOf(), worse)).toEqual([]);
    expect(told(healthOf(['validate.metric=CIDEr']), worse)).toEqual([]);
  });
});

describe('a run says once', () => {
  it('that its loss diverges, from a low or from the first steps on', () => {
    const late = steps(900, (step) => (step < 600 ? learning(step) : learning(step) + (step - 600)));
    expect(kinds(healthOf(), late)).toEqual(['diverging at 650']);
    const [notice] = told(healthOf(), late);
    expect(notice!.message).toMatch(
      /^The loss diverges: it was 29\.\d+ at its lowest and is 6\d\.\d+\. .*learningRate/,
    );
    expect(
      kinds(
        healthOf(),
        steps(200, (step) => (step === 1 ? 70 : 400)),
      ),
    ).toEqual(['diverging at 25']);
  });

  it('that the reward of its own captions falls', () => {
    const records = steps(500, (step) => ({ loss: 0, rewards: { samples: step < 300 ? 0.6 : 0.1, baseline: 0.5 } }));
    expect(kinds(healthOf(), records)).toEqual(['diverging at 325']);
  });

  it('that its gradients explode, or are not finite', () => {
    const records = steps(500, (step) => ({ loss: learning(step), gradientNorm: step < 200 ? 6 : 6 * (step - 199) }));
    expect(kinds(healthOf(), records)).toEqual(['exploding at 225']);
    const skipped = (every: number) =>
      Array.from({ length: 20 }, (_, i): RunRecord => ({ type: 'nonFinite', step: every * i + 1, fault: 'NaN' }));
    expect(kinds(healthOf(), skipped(20))).toEqual(['exploding at 81']);
    expect(kinds(healthOf(), skipped(30)), 'odd captions now and then').toEqual([]);
  });

  it('that its gradients vanish, also where all captions that it samples are alike', () => {
    const records = steps(500, (step) => ({ loss: 55, gradientNorm: 10 * 0.9 ** step }));
    expect(kinds(healthOf(), records)).toEqual(['vanishing at 125']);
    const alike = steps(200, () => ({ loss: 0, gradientNorm: 0, rewards: { samples: 0.4, baseline: 0.4 } }));
    expect(kinds(healthOf(), alike)).toEqual(['vanishing at 25']);
  });

  it('that validation has turned while training goes on becoming better, by the metric that counts', () => {
    const turning = (epoch: number) => 30 + Math.abs(epoch - 5);
    const records = steps(1200, (step) => 60 * Math.exp(-step / 600));
    const byLoss = validated(records, (epoch) => validationOf(epoch, turning(epoch), 0.3 + epoch / 100));
    expect(kinds(healthOf(), byLoss)).toEqual(['overfitting at 800']);
    expect(told(healthOf(), byLoss)[0]!.message).toMatch(
      /^Validation has turned: its loss was 30 after epoch 5 and is 33 after epoch 8, while the training loss fell from/,
    );
    expect(kinds(healthOf(['validate.metric=CIDEr']), byLoss), 'its score still rises').toEqual([]);
    const byScore = validated(records, (epoch) => validationOf(epoch, 40 - epoch, 0.5 - Math.abs(epoch - 6) / 50));
    expect(kinds(healthOf(['validate.metric=CIDEr']), byScore)).toEqual(['overfitting at 900']);
    const still = validated(
      steps(1200, () => 30),
      (epoch) => validationOf(epoch, turning(epoch)),
    );
    expect(kinds(healthOf(), still), 'training stands still too').toEqual([]);
  });

  it('that workers wait, and why', () => {
    const records = (wait: number) =>
      steps(1000, (step) => ({ loss: learning(step), seconds: { compute: 0.2, wait, update: 0.02, rest: 0.01 } }));
    const uneven = { workers: 2, shards: 3 };
    expect(kinds(healthOf([], uneven), records(0.07)), 'a quarter of the time').toEqual([]);
    expect(kinds(healthOf([], uneven), records(0.16))).toEqual(['waiting at 400']);
    expect(told(healthOf([], uneven), records(0.16))[0]!.message).toContain('3 shards do not divide among 2 workers');
    expect(told(healthOf(), records(0.16))[0]!.message).toMatch(/Lower train\.workers/);
    expect(kinds(healthOf([], uneven), records(0.16).slice(0, 300)), 'less than a minute of it').toEqual([]);
  });

  it('that the disk fills', () => {
    const health = healthOf();
    expect(health.disk(1e9, 9e8)).toEqual([]);
    const [notice] = health.disk(8e8, 9e8);
    expect(notice!.message).toMatch(/^The disk fills: 800 MB are free and the checkpoints to come need 900 MB\./);
    expect(health.disk(7e8, 9e8)).toEqual([]);
  });

  it('that another engine would be faster, after a minute', () => {
    const fasterEngine = fasterThan({ name: 'reference' });
    expect(kinds(healthOf([], { fasterEngine }), steps(1000, learning))).toEqual([
      expect.stringMatching(/^engine at 50/),
    ]);
    expect(fasterThan({ name: 'gpu', mode: 'webgpu' })).toBeNull();
    expect(fasterThan({ name: 'gpu', mode: 'webasm' })).toContain('engine: cpu');
    const native = { name: 'cpu', precision: 'float32', instructionSet: bestInstructionSet() } as const;
    expect(fasterThan({ ...native, supplier: { library: 'native' } as never })).toBeNull();
  });
});

it('a run that goes on anywhere says what it would have said, and nothing twice', () => {
  const records = validated(
    steps(900, (step) => ({
      loss: step < 600 ? 60 * Math.exp(-step / 400) : 20 + step,
      gradientNorm: step < 300 ? 6 : 600,
    })),
    (epoch) => validationOf(epoch, 30 + Math.abs(epoch - 2)),
  );
  const expected = told(healthOf(), records);
  expect(expected.map(({ kind }) => kind)).toEqual(['exploding', 'overfitting', 'diverging']);
  const isSame = fc.property(fc.nat(records.length), (cut) => {
    const before = told(healthOf(), records.slice(0, cut));
    const resumed = healthOf();
    for (const record of records.slice(0, cut)) resumed.recall(record);
    for (const notice of before) resumed.recall({ type: 'health', ...notice });
    expect([...before, ...told(resumed, records.slice(cut))]).toEqual(expected);
  });
  fc.assert(isSame);
});

describe('a real run', () => {
  let data: string;
  let folder: string;
  beforeAll(async () => {
    data = await writeData();
    folder = temporaryFolder();
  });
  afterAll(() => {
    for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
  });

  it('whose learning rate is far too high logs it, tells it once, and does so where it is stopped and goes on', async () => {
    const config = smallConfig(data, ['train.optimizer={name: sgd, learningRate: 5}', 'train.epochs=16']);
    const heard: HealthNotice[] = [];
    const whole = `${folder}/whole`;
    await startRun(config, whole, watched({ health: (notice) => heard.push(notice) }).options);
    expect(heard.map(({ kind }) => kind)).toContain('diverging');
    const logged = readMetrics(whole).filter(({ type }) => type === 'health');
    expect(logged.map(({ kind, message }) => ({ kind, message }))).toEqual(heard);
    const stopped = `${folder}/stopped`;
    await trainUntil({ afterStep: 24 }, stopped, { config });
    await trainUntil({ afterStep: 52 }, stopped, { sets: [] });
    await trainUntil(null, stopped, { sets: [] });
    expect(resultOf(stopped)).toEqual(resultOf(whole));
  });
});
