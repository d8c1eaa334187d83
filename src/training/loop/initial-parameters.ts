/** A model's first parameters: drawn from a seed as its spec says, or from a file. */
import type { ColumnStatistics } from '../../data/column-statistics.js';
import { normals } from '../../data/random.js';
import type { WordVectors } from '../../data/word-vectors.js';
import { UserError } from '../../errors.js';
import { isFolder } from '../../files/make-folder.js';
import { type Layout, namedViews } from '../../tensor/layout.js';
import type { NumberArray } from '../../tensor/matrix.js';
import type { ModelSpec, ParameterSpec } from '../../tensor/model-spec.js';
import { readInitialParameters } from '../checkpoints/checkpoint.js';
import { checkpointOfRun } from '../checkpoints/checkpoint-folder.js';
import type { Model } from '../parallel/model.js';
import { checkOrigin, type OwnData } from './initial-checkpoint.js';

/** What parameters begin with that is neither drawn nor constant. */
export interface InitialData {
  /** By word; none where no parameter begins with them. */
  readonly vectors?: WordVectors['vectors'];
  /** Of the columns of an input, over the training images; not needed where no parameter begins with them. */
  readonly statistics?: (input: string) => ColumnStatistics;
}

/**
 * Fills `flat`. Each parameter has a stream of random numbers of its own, drawn in float64, so that engines start from
 * the same values.
 */
export function drawParameters(
  flat: NumberArray,
  layout: Layout,
  { parameters }: ModelSpec,
  seed: number,
  data: InitialData = {},
): void {
  const views = namedViews(flat, layout);
  parameters.forEach((spec, stream) => {
    fill(views[spec.name]!, spec, data, () => normals(seed, stream, views[spec.name]!.length));
  });
}

function fill(view: NumberArray, { init, shape }: ParameterSpec, data: InitialData, drawn: () => Float64Array): void {
  if (init === 'zeros') return;
  if (init === 'wordVectors') {
    const { vectors = new Map() } = data;
    fillScaled(view, drawn(), spreadOf(vectors));
    for (const [word, vector] of vectors) view.set(vector, word * shape[1]!);
  } else if ('blocks' in init) {
    const { blocks } = init;
    for (let i = 0; i < view.length; i++) view[i] = blocks[Math.floor((i * blocks.length) / view.length)]!;
  } else if ('statistic' in init) view.set(data.statistics!(init.of)[init.statistic]);
  else fillScaled(view, drawn(), init.normal);
}

function fillScaled(view: NumberArray, values: Float64Array, scale: number): void {
  for (let i = 0; i < view.length; i++) view[i] = values[i]! * scale;
}

/** The root mean square of all their numbers. */
function spreadOf(vectors: WordVectors['vectors']): number {
  let squares = 0;
  let count = 0;
  for (const vector of vectors.values()) {
    for (const value of vector) squares += value * value;
    count += vector.length;
  }
  return count === 0 ? 0 : Math.sqrt(squares / count);
}

/**
 * Fills `flat` from a safetensors file that holds every parameter under its name; statistics of the data may be missing
 * there and are then those of this data.
 *
 * @param path of the file, or of a run's folder, whose best checkpoint it then is
 * @throws UserError when there is no such file, or naming the tensor that is missing, too many or of another shape, or
 *   what a checkpoint was trained on or computed in another way
 */
export function loadParameters(
  flat: NumberArray,
  layout: Layout,
  model: Model,
  path: string,
  data: InitialData & OwnData,
): void {
  const views = namedViews(flat, layout);
  const statistics = model.spec.parameters.filter(({ init }) => typeof init === 'object' && 'statistic' in init);
  const file = fileAt(path);
  const given = readInitialParameters(
    file,
    layout,
    statistics.map(({ name }) => name),
    (state) => checkOrigin(file, state, model, data),
  );
  for (const [name, values] of given) views[name]!.set(values);
  for (const spec of statistics) {
    if (!given.has(spec.name)) fill(views[spec.name]!, spec, data, () => new Float64Array());
  }
}

function fileAt(path: string): string {
  if (!isFolder(path)) return path;
  const refuse = (_path: string, why: string): never => {
    throw new UserError(why);
  };
  return checkpointOfRun(path, refuse).path;
}
