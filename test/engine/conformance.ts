/**
 * What every engine promises, checked against the reference engine. Each engine's test calls `runConformance` and gives
 * a reason for each case that it leaves out.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Executable, RunResult } from '../../src/engine/engine.js';
import { type EngineChoice, prepareProcess } from '../../src/engine/select.js';
import { parametersOf, trainedView } from '../../src/engine/shared-memory.js';
import { decodingOf, greedy } from '../../src/model/decoding/decoding.js';
import { generateCaptions } from '../../src/model/decoding/generate.js';
import { namedViews } from '../../src/tensor/layout.js';
import { forwardLstm, late, sum } from '../model/forward-cells.js';
import {
  type CaptionerShape,
  cellOf,
  imageInputs,
  raggedShard,
  type Shard,
  shardInputs,
  shardTokens,
  specOf,
} from '../support/shard.js';
import { promiseAttention } from './attention-conformance.js';
import { promiseGradients } from './gradient-conformance.js';
import { promiseOperations } from './operation-conformance.js';
import { gradientsOf, type Harness, planFor, relativeDifference, type Side, sideBySide } from './side-by-side.js';
import { promiseUpdates } from './update-conformance.js';

export interface ConformanceOptions {
  readonly name: string;
  /** Made when the suite starts, since a choice may depend on what a machine has. */
  readonly choice: () => EngineChoice | Promise<EngineChoice>;
  /** Largest difference from the reference over the largest element. */
  readonly tolerance: number;
  readonly skip?: readonly { readonly reason: string; readonly cases: readonly string[] }[];
}

const small = { featureDim: 8, wordDim: 4, hiddenDim: 16, vocabSize: 12, steps: 6 };
const odd = { featureDim: 13, wordDim: 7, hiddenDim: 19, vocabSize: 37, steps: 5 };
const cells = ['rnn', 'lstm', 'gru'] as const;

const dropout = { words: 0.2, hidden: 0.5, image: 0.1 };

const shapes: readonly CaptionerShape[] = cells
  .flatMap<CaptionerShape>((cell) => [
    { cell, ...small },
    { cell, ...odd },
    { cell, ...odd, layers: 2 },
    { cell, ...odd, layers: 3, residual: true },
  ])
  .concat([forwardLstm, late].map((cell) => ({ cell, ...odd })))
  .concat([
    { cell: 'lstm', ...odd, imageTo: 'everyStep' },
    { cell: 'gru', ...odd, imageTo: 'everyStep', layers: 2 },
    { cell: 'rnn', ...odd, imageTo: 'firstWord' },
    { cell: 'lstm', ...odd, imageTo: 'firstWord', layers: 2, residual: true },
    { cell: 'gru', ...odd, imageTo: 'firstWord' },
    { cell: 'lstm', ...odd, tieEmbeddings: true, wordDim: odd.hiddenDim },
    { cell: 'lstm', ...odd, wordVectors: 'a file', wordVectorsTrained: false },
    { cell: 'lstm', ...odd, dropout },
    { cell: 'lstm', ...odd, standardize: true },
    { cell: 'rnn', ...odd, labelSmoothing: 0.2 },
    { cell: 'gru', ...odd, imageTo: 'firstWord', layers: 2, dropout },
    { cell: 'lstm', ...odd, excludedWords: [0, 1, 3] },
    { cell: 'gru', ...odd, tieEmbeddings: true, wordDim: odd.hiddenDim, excludedWords: [3, odd.vocabSize - 1] },
    { cell: 'lstm', ...small, grid: { positions: 4, columns: 8 }, attentionDim: 12 },
    { cell: 'rnn', ...odd, grid: { positions: 7, columns: 5 }, attentionPenalty: 0.4 },
    { cell: 'lstm', ...odd, grid: { positions: 7, columns: 5 }, dropout: { ...dropout, context: 0.3 } },
    { cell: 'gru', ...odd, layers: 2, grid: { positions: 6, columns: 9 }, attentionDim: 7, attentionToOutput: false },
    { cell: sum, ...odd, grid: { positions: 7, columns: 5 } },
  ]);
const smallLstm: CaptionerShape = { cell: 'lstm', ...small };
const oddRnn: CaptionerShape = { cell: 'rnn', ...odd };
const oddLstm: CaptionerShape = { cell: 'lstm', ...odd };
const attentive: CaptionerShape = { ...oddLstm, grid: { positions: 5, columns: 6 } };

function titleOf(shape: CaptionerShape): string {
  const { layers = 1, residual = false, hiddenDim, imageTo = 'state', tieEmbeddings = false } = shape;
  return [
    `${cellOf(shape).name} of H=${hiddenDim}`,
    ...(layers > 1 ? [` in ${layers} layers`] : []),
    ...(residual ? [' with residual connections'] : []),
    ...(imageTo === 'state' ? [] : [`, the image to ${imageTo}`]),
    ...(tieEmbeddings ? [', tied embeddings'] : []),
    ...(shape.wordVectors ? [', frozen word vectors'] : []),
    ...(shape.dropout ? [', dropout'] : []),
    ...(shape.standardize ? [', standardised features'] : []),
    ...(shape.labelSmoothing ? [', smoothed labels'] : []),
    ...(shape.excludedWords ? [`, without words ${shape.excludedWords}`] : []),
    ...(shape.grid ? [`, attending to ${shape.grid.positions} positions`] : []),
  ].join('');
}

interface Bench extends Side {
  readonly gradients: Executable;
  readonly loss: Executable;
  readonly start: Executable;
  readonly step: Executable;
}

function benchOf(side: Side, shape: CaptionerShape, rows: number): Bench {
  const { programs } = specOf(shape);
  const limits = { rows, steps: shape.steps };
  return {
    ...side,
    gradients: side.engine.prepare(programs.gradients, limits),
    loss: side.engine.prepare(programs.loss, limits),
    start: side.engine.prepare(programs.start, limits),
    step: side.engine.prepare(programs.step, limits),
  };
}

/** A shard to run, for an engine that planned for `rows` rows. */
interface Work {
  readonly shard: Shard;
  readonly rows: number;
  /** Of the captions in the loss. */
  readonly weights?: Float32Array;
}

function workOn(shard: Shard, rows = shard.rows): Work {
  return { shard, rows };
}

function run(program: Executable, { engine }: Side, { shard, rows, weights }: Work, slot = 0) {
  const plan = planFor(engine, { ...shardTokens(shard), weights: weights ?? null }, rows);
  const draws = { seed: 11, step: 5, rows: plan.order };
  return program.run({ shard: slot, plan, inputs: shardInputs(shard, plan), draws });
}

export function runConformance({ name, choice, tolerance, skip = [] }: ConformanceOptions): void {
  const reasonOf = (title: string) => skip.find(({ cases }) => cases.includes(title))?.reason;
  const promise = (title: string, fn: () => Promise<void>) => {
    const reason = reasonOf(title);
    if (reason === undefined) it(title, fn);
    else it.skip(`${title} (left out: ${reason})`, fn);
  };

  describe(`the ${name} engine`, () => {
    let chosen: EngineChoice;
    beforeAll(async () => {
      chosen = await choice();
      prepareProcess(chosen);
    });

    const harness: Harness = { promise, choice: () => chosen, tolerance };

    async function benches(shape: CaptionerShape, rows: number, shards = 1) {
      const { tested, reference } = await sideBySide(chosen, specOf(shape), { rows, shards });
      return { tested: benchOf(tested, shape, rows), reference: benchOf(reference, shape, rows) };
    }

    function expectSameGradients(tested: Bench, reference: Bench): void {
      const found = gradientsOf(tested);
      for (const [parameter, expected] of Object.entries(gradientsOf(reference))) {
        expect(relativeDifference(found[parameter]!, expected), `gradient of ${parameter}`).toBeLessThan(tolerance);
      }
    }

    async function expectAgreement(work: Work): Promise<void> {
      const { tested, reference } = await benches(work.shard.shape, work.rows);
      try {
        const results = await bothGradients(tested, reference, work);
        expect(relativeDifference([results.tested.loss], [results.reference.loss])).toBeLessThan(tolerance);
        expectSameGradients(tested, reference);
        const { dropout, labelSmoothing, attentionPenalty, excludedWords } = work.shard.shape;
        const lossAlone = await run(tested.loss, tested, work);
        const expected = await run(reference.loss, reference, work);
        expect(relativeDifference([lossAlone.loss], [expected.loss])).toBeLessThan(tolerance);
        if (!dropout && !labelSmoothing && !attentionPenalty && !excludedWords)
          expect(expected.loss).toBeCloseTo(results.reference.loss, 10);
      } finally {
        await tested.engine.dispose();
      }
    }

    for (const shape of shapes) {
      promise(`agrees with the reference on captions of all lengths, ${titleOf(shape)}`, () =>
        expectAgreement(workOn(raggedShard(shape, 9))),
      );
    }

    promise('agrees with the reference on a single caption', () => expectAgreement(workOn(raggedShard(oddLstm, 1))));

    promise('agrees with the reference on fewer captions than it planned for', () =>
      expectAgreement(workOn(raggedShard(oddLstm, 5), 8)),
    );

    promise('agrees with the reference where NULL stands inside and in place of captions', () => {
      const shard = raggedShard(oddRnn, 6);
      const columns = shard.shape.steps + 1;
      shard.captions.fill(0, columns, 2 * columns);
      shard.captions[4 * columns + 2] = 0;
      return expectAgreement(workOn(shard));
    });

    promise('weighs each caption in loss and gradient, on fewer captions than it planned for', () => {
      const weights = Float32Array.of(0.5, 2, 0, 1, 0.125, 3);
      return expectAgreement({ ...workOn(raggedShard(oddLstm, 6), 8), weights });
    });

    promise('takes weights below zero, such as advantages', () => {
      const weights = Float32Array.of(-1.5, 2, 0, -0.25, 0.125, -3);
      const shape: CaptionerShape = { ...attentive, excludedWords: [0, 1, 3], temperature: 0.7 };
      return expectAgreement({ ...workOn(raggedShard(shape, 6), 8), weights });
    });

    promise('takes captions with and without weights in turn', async () => {
      const work = workOn(raggedShard(smallLstm, 4));
      const { tested } = await benches(smallLstm, 4);
      const { loss } = await run(tested.gradients, tested, work);
      const doubled = await run(tested.gradients, tested, { ...work, weights: new Float32Array(4).fill(2) });
      expect(relativeDifference([doubled.loss], [2 * loss])).toBeLessThan(1e-6);
      expect((await run(tested.gradients, tested, work)).loss).toBe(loss);
      await tested.engine.dispose();
    });

    promise('weighs what a caption did not look at, on fewer captions than it planned for', () => {
      const shard = raggedShard({ ...attentive, attentionPenalty: 0.5 }, 6);
      const columns = shard.shape.steps + 1;
      // A NULL inside a caption, and a caption of nothing else.
      shard.captions[4 * columns + 2] = 0;
      shard.captions.fill(0, columns, 2 * columns);
      return expectAgreement({ ...workOn(shard, 8), weights: Float32Array.of(0.5, 2, 0, 1, 0.125, 3) });
    });

    promise('gives exactly zero loss and gradient for captions that are all NULL', async () => {
      const shard = raggedShard(smallLstm, 4);
      shard.captions.fill(0);
      const { tested } = await benches(shard.shape, 4);
      await run(tested.gradients, tested, workOn(raggedShard(smallLstm, 4)));
      const { loss } = await run(tested.gradients, tested, workOn(shard));
      expect(loss).toBe(0);
      expect(trainedView(tested.memory, tested.memory.slots[0]!).every((value) => value === 0)).toBe(true);
      await tested.engine.dispose();
    });

    promise('leaves nothing of one minibatch in the gradient of the next', async () => {
      const { tested, reference } = await benches(smallLstm, 6);
      await bothGradients(tested, reference, workOn(raggedShard(smallLstm, 6, 1)));
      await bothGradients(tested, reference, workOn(raggedShard(smallLstm, 3, 2), 6));
      expectSameGradients(tested, reference);
      await tested.engine.dispose();
    });

    promise('uses parameters as they are at each run', async () => {
      const { tested, reference } = await benches(smallLstm, 6);
      const shard = raggedShard(smallLstm, 6);
      await bothGradients(tested, reference, workOn(shard));
      const flat = parametersOf(tested.memory);
      flat.forEach((value, i) => {
        flat[i] = value * 1.5;
      });
      parametersOf(reference.memory).set(flat);
      await bothGradients(tested, reference, workOn(shard));
      expectSameGradients(tested, reference);
      await tested.engine.dispose();
    });

    promise('gives the same bits each time, in every shard', async () => {
      const { tested } = await benches(oddLstm, 6, 2);
      const shard = raggedShard(oddLstm, 6);
      const losses = [
        await run(tested.gradients, tested, workOn(shard), 0),
        await run(tested.gradients, tested, workOn(shard), 1),
      ].map(({ loss }) => loss);
      expect(losses[0]).toBe(losses[1]);
      const [a, b] = tested.memory.slots.map((slot) => trainedView(tested.memory, slot));
      expect(a).toEqual(b);
      await tested.engine.dispose();
    });

    promise('has loss log V a token while W_vocab and b_vocab are zero', async () => {
      const shard = raggedShard(smallLstm, 6);
      const { tested } = await benches(shard.shape, 6);
      const views = namedViews(parametersOf(tested.memory), tested.memory.layout);
      views.W_vocab!.fill(0);
      views.b_vocab!.fill(0);
      const tokens = shard.captions.filter((word, i) => i % 7 > 0 && word !== 0).length;
      const { loss } = await run(tested.gradients, tested, workOn(shard));
      expect(loss / tokens).toBeCloseTo(Math.log(shard.shape.vocabSize), 5);
      await tested.engine.dispose();
    });

    for (const shape of [
      oddRnn,
      oddLstm,
      { cell: 'gru', ...odd },
      { ...oddLstm, layers: 2 },
      { ...oddLstm, imageTo: 'everyStep' },
      { ...oddLstm, imageTo: 'firstWord', tieEmbeddings: true, wordDim: odd.hiddenDim },
      attentive,
    ] as const) {
      promise(`captions images like the reference, ${titleOf(shape)}`, async () => {
        const { tested, reference } = await benches(shape, 5);
        const inputs = imageInputs(raggedShard(shape, 5));
        for (const decoding of [greedy, decodingOf({ beam: 3, nbest: 3 }, [0, 1])]) {
          const [found, expected] = await Promise.all(
            [tested, reference].map(({ start, step, engine }) =>
              generateCaptions(
                [{ start, step, inputs, shard: 0, parameters: 'live' }],
                [0, 1, 2, 3, 4],
                decoding,
                { start: 1, end: 2, longest: 8 },
                { most: 5, fixed: engine.planKind === 'padded' },
              ),
            ),
          );
          expect(wordsOf(found!)).toEqual(wordsOf(expected!));
          const logs = (captions: typeof found) => captions!.flat().map(({ logProbability }) => logProbability);
          expect(relativeDifference(logs(found), logs(expected))).toBeLessThan(10 * tolerance);
        }
        await tested.engine.dispose();
      });
    }

    promiseOperations(harness);
    promiseAttention(harness);
    promiseGradients(harness);
    promiseUpdates(harness);
  });
}

function wordsOf(captions: readonly (readonly { readonly words: readonly number[] }[])[]): unknown {
  return captions.map((ofImage) => ofImage.map(({ words }) => words));
}

async function bothGradients(
  tested: Bench,
  reference: Bench,
  work: Work,
): Promise<{ tested: RunResult; reference: RunResult }> {
  return {
    tested: await run(tested.gradients, tested, work),
    reference: await run(reference.gradients, reference, work),
  };
}
