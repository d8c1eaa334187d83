/** A trained captioner as an ONNX file, which runs without recap. */
import { configOf } from '../config/load.js';
import type { PartialConfig } from '../config/schema.js';
import { endId, nullId, startId, unwrittenIds } from '../data/vocabulary.js';
import { allocateSharedMemory, parametersOf } from '../engine/shared-memory.js';
import { UserError } from '../errors.js';
import type { ModelFamily } from '../model/family.js';
import { layoutOf, namedViews } from '../tensor/layout.js';
import type { Named } from '../tensor/matrix.js';
import type { Checkpoint } from '../training/checkpoints/checkpoint.js';
import { type CaptionModel, captionModels, restoreMean, vocabularyOf } from '../training/loop/caption-models.js';
import { captionsGraph, type Front, startGraph, stepGraph, type TrainedModel } from './captioner-graphs.js';
import { encodedModel, type OnnxGraph, ownDialect, type Port } from './onnx-encoding.js';

/** `captions` writes whole ones, greedily; `start` and `step` are for a search of one's own. */
export type ExportedPart = 'captions' | 'start' | 'step';

export interface ExportOptions {
  /** `captions` by default. */
  readonly part?: ExportedPart;
  /** What makes the model, for checkpoints of a family of one's own. */
  readonly family?: ModelFamily;
}

export interface ExportedCaptioner {
  /** The file. */
  readonly bytes: Uint8Array;
  /** What goes in and comes out, for people. */
  readonly signature: string;
}

/** Protocol buffers hold less than 2 GiB; the rest of a graph is far below the difference. */
const mostBytes = 2 ** 31 - 2 ** 24;

/**
 * A captioner as ONNX in float32, by the parameters that captions are written by: those that the checkpoint's run
 * validates. Its vocabulary is in `metadata_props`: `idx_to_word`, a list in JSON.
 *
 * @param checkpoints one, or several of one model, whose parameters are averaged
 * @throws UserError when the model uses an operation that has no counterpart, or is too large for such a file
 */
export function exportCaptioner(
  checkpoints: Checkpoint | readonly Checkpoint[],
  options: ExportOptions = {},
): ExportedCaptioner {
  return encodedCaptioner([checkpoints].flat() as readonly Checkpoint[], options, null, {});
}

/**
 * @param front what makes the model's inputs of photos, in the same graph; null for none
 * @param metadata beside the vocabulary
 * @throws UserError as `exportCaptioner`
 */
export function encodedCaptioner(
  some: readonly Checkpoint[],
  { part = 'captions', family }: ExportOptions,
  front: Front | null,
  metadata: Named<string>,
): ExportedCaptioner {
  const [{ model }] = captionModels([some], family) as [CaptionModel];
  const { spec } = model;
  const layout = layoutOf(spec.parameters);
  const size = 4 * layout.length + (front?.bytes ?? 0);
  if (size > mostBytes) {
    throw new UserError(
      `${some[0]!.path} has ${(size / 2 ** 30).toFixed(1)} GiB of parameters in float32${front ? ', with the network' : ''}; ` +
        'an ONNX file holds less than 2 GiB. Train a smaller model.',
    );
  }
  const memory = allocateSharedMemory({ layout, precision: 'float32', shards: 0, arenaBytes: 0 });
  restoreMean(memory, some);
  const parameters = namedViews(parametersOf(memory) as Float32Array, layout);
  const graph = graphOf(part, { spec, parameters, roundsGrids: roundsGrids(some[0]!), front });
  const vocabulary = vocabularyOf(some[0]!);
  const signature = signatureOf(graph);
  const bytes = encodedModel({
    graph,
    dialect: front?.dialect ?? ownDialect,
    name: part,
    description: `${spec.title}. ${signature}. ${descriptions[part]}`,
    metadata: { idx_to_word: JSON.stringify(vocabulary.idxToWord), tokens: vocabulary.tokens, ...metadata },
  });
  return { bytes, signature };
}

/** Grids of a data folder are rounded when they are read; those that a program has in memory are taken as they are. */
function roundsGrids({ state }: Checkpoint): boolean {
  const { data } = configOf(state.config as PartialConfig);
  return data.dir !== null && data.gridPrecision === 'float16';
}

function graphOf(part: ExportedPart, model: TrainedModel): OnnxGraph {
  switch (part) {
    case 'captions': {
      const ends = { start: startId, end: endId, longest: model.spec.dimensions.steps };
      return captionsGraph(model, { ...ends, never: unwrittenIds, padding: nullId });
    }
    case 'start':
      return startGraph(model);
    case 'step':
      return stepGraph(model);
  }
}

const descriptions: Readonly<Record<ExportedPart, string>> = {
  captions:
    'Captions of n images by the likeliest word at each step: rows of idx_to_word (metadata_props, a list in JSON) up to ' +
    '<END>, and <NULL> behind it.',
  start:
    'What the program step reads at its first word, which is <START>; what it reads and is an input here is the same.',
  step:
    'Reads a word of each of n captions. next_NAME is NAME of the next step; a word follows with the softmax of scores, ' +
    'whose logarithms are scores - logSums. Words are rows of idx_to_word (metadata_props, a list in JSON).',
};

function signatureOf({ inputs, outputs }: OnnxGraph): string {
  const shown = (ports: readonly Port[]) => ports.map(({ name, shape }) => `${name} (${shape.join(',')})`).join(', ');
  return `${shown(inputs)} → ${shown(outputs)}`;
}
