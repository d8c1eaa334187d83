/** What the coordinator and the worker threads say to each other. Tasks carry numbers only; the data is shared. */
import type { SplitName } from '../../data/dataset.js';
import type { FeatureTable } from '../../data/feature-table.js';
import type { GradientSource, ParameterValues, SharedMemory } from '../../engine/engine.js';
import type { EngineChoice } from '../../engine/select.js';
import type { DecodedCaption, Decoding } from '../../model/decoding/decoding.js';
import type { ModelRecipe } from '../../model/family.js';
import type { Draws } from '../../tensor/draws.js';
import type { Named } from '../../tensor/matrix.js';
import type { FoldedParts, FoldedSums } from './fold.js';
import type { ChunkSquares, UpdatePass } from './journaled-update.js';
import type { SharedBatch } from './shared-batch.js';

/** A model, and the memory that its parameters are in. */
export interface ModelSetup {
  readonly model: ModelRecipe;
  /** URL of the module that exports the model's family. */
  readonly familyUrl: string;
  readonly memory: SharedMemory;
}

/** Handed to every worker once, as workerData. */
export interface WorkerSetup extends ModelSetup {
  readonly engine: EngineChoice;
  /** Models that captions are written by beside this one, all together. */
  readonly ensemble: readonly ModelSetup[];
  /** What the models are given of the images of each split. */
  readonly inputs: Readonly<Record<SplitName, Named<FeatureTable>>>;
  /** The minibatch under way. */
  readonly batch: SharedBatch;
  /** Most captions of a shard. */
  readonly rowsPerShard: number;
  /** (ranges) how far an update has come: chunks done, doubled, plus one while a chunk is being written. */
  readonly progress: Int32Array;
  /** What norms are summed from. */
  readonly squares: ChunkSquares;
  /** Names of the parameters that weight decay applies to. */
  readonly decayed: readonly string[];
  /** Where gradient sums of whole processes are; null where there are none. */
  readonly folded: FoldedSums | null;
  /** (1) workers that have given their engine back. */
  readonly disposed: Int32Array;
}

/** The addresses of the random numbers of a batch; see Draws. */
export interface BatchDraws extends Omit<Draws, 'rows'> {
  /** Where the batch's first row stands in the minibatch of the step. */
  readonly firstRow: number;
}

export type Task =
  /** Loss and gradient of captions `rows` of the batch, into the shard's slot. */
  | {
      readonly kind: 'gradients';
      readonly shard: number;
      readonly split: SplitName;
      readonly rows: readonly number[];
      readonly draws: BatchDraws;
    }
  /** The words that captions `rows` of the batch read, some of them drawn from the model; see scheduled-sampling.ts. */
  | {
      readonly kind: 'sample';
      readonly shard: number;
      readonly split: SplitName;
      readonly rows: readonly number[];
      readonly draws: BatchDraws;
      readonly probability: number;
    }
  /** Loss of captions `rows` of the batch. */
  | {
      readonly kind: 'loss';
      readonly shard: number;
      readonly split: SplitName;
      readonly rows: readonly number[];
      readonly parameters: ParameterValues;
    }
  /** Captions of images of a split, no more images than a shard has rows. */
  | {
      readonly kind: 'captions';
      readonly split: SplitName;
      readonly shard: number;
      readonly images: readonly number[];
      readonly decoding: Decoding;
      readonly parameters: ParameterValues;
    }
  /** Reduction and the optimiser's rule, or an accumulation, on elements [from, to). */
  | {
      readonly kind: 'update';
      readonly range: number;
      readonly from: number;
      readonly to: number;
      readonly pass: UpdatePass;
    }
  /** The squares of the gradient sum in elements [from, to), chunk by chunk. */
  | { readonly kind: 'measure'; readonly source: GradientSource; readonly from: number; readonly to: number }
  /** Elements [from, to) of what this process adds to the gradient sum; see fold.ts. */
  | { readonly kind: 'fold'; readonly parts: FoldedParts; readonly from: number; readonly to: number }
  /** Elements [from, to) of the sum of what all processes add. */
  | { readonly kind: 'addFolded'; readonly from: number; readonly to: number }
  /** Gives the engine back; the worker takes no task afterwards. */
  | { readonly kind: 'dispose'; readonly workers: number };

export interface TaskResult {
  /** Summed over the rows' tokens; 0 where the task has none. */
  readonly loss: number;
  /** Largest magnitude in the shard's gradient; NaN or Infinity if one is in it. */
  readonly largestGradient: number;
  /** Of each image of the task. */
  readonly captions: readonly (readonly DecodedCaption[])[];
  /** (rows,T) the words that the rows' time steps read; empty where the task samples none. */
  readonly read: Int32Array;
  /** Time the worker spent on it. */
  readonly milliseconds: number;
}

/** A known error travels as data, because an error that crosses threads loses its class. */
export type TaskReply = TaskResult | { readonly known: 'UserError' | 'TrainingError'; readonly message: string };
