/** A model of one program, to try an engine on what no captioner does. */

import type { Matrix, Named } from '../../src/tensor/matrix.js';
import type { ModelSpec, ParameterSpec, Program } from '../../src/tensor/model-spec.js';
import type { StepPlan, Tokens } from '../../src/tensor/step-plan.js';
import { type CaptionerShape, fillNormals, raggedShard, shardTokens } from '../support/shard.js';

export interface SmallProgram {
  readonly parameters: readonly ParameterSpec[];
  /** Columns of each input. */
  readonly inputs: Named<number>;
  readonly run: Program;
}

/** @param vocabSize V, words of the captions that it runs on */
export function modelOf(
  { parameters, inputs, run }: SmallProgram,
  vocabSize: number,
  steps: number,
  hasGradients: boolean,
): ModelSpec {
  const program = { inputs, hasGradients, run };
  return {
    title: 'one program',
    dimensions: { inputs, vocabSize, steps },
    parameters,
    programs: { gradients: program, loss: program, start: program, step: program },
  };
}

/** Captions of all lengths from 1 to `steps`. */
export function raggedTokens(rows: number, vocabSize: number, steps: number, seed = 7): Tokens {
  const shape: CaptionerShape = { cell: 'rnn', featureDim: 1, wordDim: 1, hiddenDim: 1, vocabSize, steps };
  return shardTokens(raggedShard(shape, rows, seed));
}

/** Normal numbers for each input. */
export function drawnInputs(inputs: Named<number>, { rows }: StepPlan, scale = 1): Named<Matrix> {
  const entries = Object.entries(inputs).map(([name, columns], i) => {
    const data = new Float32Array(rows * columns);
    fillNormals(data, 50 + i, scale);
    return [name, { rows, columns, data }] as const;
  });
  return Object.fromEntries(entries);
}
