/** A run that is stopped and gone on with computes what a run never stopped computes, to the bit. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWith, type Requirement } from '../support/requirements.js';
import { resultOf, type Stop, smallConfig, temporaryFolder, trainUntil, writeData } from '../training/runs.js';

let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

const samplings = ['shuffle', 'sequential', 'withReplacement'] as const;
type Kind = readonly [cell: 'rnn' | 'lstm', sampling: (typeof samplings)[number]];
const allKinds = (['rnn', 'lstm'] as const).flatMap((cell) => samplings.map((sampling): Kind => [cell, sampling]));
/** For engines that take seconds to start: each cell, each sampling. */
const fewKinds: readonly Kind[] = [
  ['rnn', 'sequential'],
  ['lstm', 'shuffle'],
  ['lstm', 'withReplacement'],
];

/** An epoch has 4 steps: in the middle of one, at an end before its validation, after it, and at the very end. */
const stops: readonly Stop[] = [
  { afterStep: 2 },
  { afterStep: 4 },
  { afterStep: 5 },
  { afterValidationOf: 2 },
  { afterStep: 12 },
];
const fewStops: readonly Stop[] = [{ afterStep: 4 }, { afterStep: 5 }];

const engines: readonly (readonly [string, string, Requirement, readonly Kind[], readonly Stop[]])[] = [
  ['reference', 'reference', {}, allKinds, stops],
  ['cpu, WebAssembly', '{ name: cpu, blas: none }', {}, allKinds, stops],
  ['cpu, oneDNN', '{ name: cpu, blas: onednn }', { blas: 'onednn' }, allKinds, stops],
  ['cpu, oneDNN in bfloat16', '{ name: cpu, blas: onednn, precision: bf16 }', { bf16: true }, fewKinds, fewStops],
  ['cpu, OpenBLAS', '{ name: cpu, blas: openblas }', { blas: 'openblas' }, fewKinds, stops],
  ['cpu, BLIS', '{ name: cpu, blas: blis }', { blas: 'blis' }, fewKinds, fewStops],
  ['cpu, MKL', '{ name: cpu, blas: mkl }', { blas: 'mkl' }, fewKinds, fewStops],
  ['gpu, webasm', '{ name: gpu, mode: webasm }', {}, fewKinds, fewStops],
  ['gpu, cpu', '{ name: gpu, mode: cpu }', {}, fewKinds.slice(0, 1), fewStops],
  ['gpu, webgpu', '{ name: gpu, mode: webgpu }', { webgpu: true }, fewKinds.slice(0, 2), fewStops],
];

for (const [title, engine, requirement, kinds, where] of engines) {
  describeWith(requirement, `on ${title}`, () => {
    it.each(kinds)(
      '%s, %s: every loss, parameter and moment, and each step and validation once',
      async (cell, sampling) => {
        const sets = [`engine=${engine}`, `model.cell=${cell}`, `train.sampling=${sampling}`];
        const name = `${title}-${cell}-${sampling}`.replaceAll(/\W+/g, '-');
        const whole = join(folder, `${name}-whole`);
        await trainUntil(null, whole, { config: smallConfig(data, [...sets, 'train.workers=1']) });

        const stopped = join(folder, `${name}-stopped`);
        const [first, ...others] = where;
        await trainUntil(first!, stopped, { config: smallConfig(data, [...sets, 'train.workers=2']) });
        for (const [i, stop] of [...others, null].entries()) {
          await trainUntil(stop, stopped, { sets: [`train.workers=${1 + (i % 3)}`] });
        }

        const expected = resultOf(whole);
        expect(expected.metrics.filter((each) => (each as { type: string }).type === 'step')).toHaveLength(12);
        expect(expected.metrics.filter((each) => (each as { type: string }).type === 'validation')).toHaveLength(3);
        expect(resultOf(stopped)).toEqual(expected);
      },
      300_000,
    );
  });
}

describe('the same shards', () => {
  it.each(['reference', '{ name: cpu, blas: none }', '{ name: gpu, mode: webasm }'])(
    'on 1, 2 and 3 workers give the same bits (%s)',
    async (engine) => {
      const results = [];
      for (const workers of [1, 2, 3]) {
        const dir = join(folder, `workers-${engine.replaceAll(/\W+/g, '-')}-${workers}`);
        const sets = [`engine=${engine}`, `train.workers=${workers}`, 'train.shards=4', 'train.epochs=2'];
        await trainUntil(null, dir, { config: smallConfig(data, sets) });
        results.push(resultOf(dir));
      }
      expect(results[1]).toEqual(results[0]);
      expect(results[2]).toEqual(results[0]);
    },
    300_000,
  );
});
