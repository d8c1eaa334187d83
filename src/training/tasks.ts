/** What the coordinator and the worker threads say to each other. Tasks carry numbers only; the data is shared. */
import type { SplitName } from '../data/dataset.js';
import type { AdamStep, SharedMemory } from '../engine/engine.js';
import type { EngineChoice } from '../engine/select.js';
import type { ModelShape } from '../model/parameters.js';

/** A split's captions and features, in memory shared by all threads. */
export interface SharedSplit {
  /** (count, columns) */
  readonly captions: Int32Array;
  readonly columns: number;
  /** (count) feature row of each caption. */
  readonly imageIdxs: Int32Array;
  /** (images, D) */
  readonly features: Float32Array | Float64Array;
}

/** Handed to every worker once, as workerData. */
export interface WorkerSetup {
  readonly engine: EngineChoice;
  readonly shape: ModelShape;
  readonly memory: SharedMemory;
  readonly splits: Readonly<Record<SplitName, SharedSplit>>;
  /** Most captions of a shard. */
  readonly rowsPerShard: number;
  /** (ranges) how far an update has come: chunks done, doubled, plus one while a chunk is being written. */
  readonly progress: Int32Array;
  /** (1) workers that have given their engine back. */
  readonly disposed: Int32Array;
}

export type Task =
  /** Loss and gradient of captions `rows` of the training split, into the shard's slot. */
  | { readonly kind: 'gradients'; readonly shard: number; readonly rows: readonly number[] }
  /** Loss of captions `rows`. */
  | { readonly kind: 'loss'; readonly split: SplitName; readonly shard: number; readonly rows: readonly number[] }
  /** Greedy captions of feature rows `images`. */
  | {
      readonly kind: 'captions';
      readonly split: SplitName;
      readonly shard: number;
      readonly images: readonly number[];
      readonly longest: number;
    }
  /** Reduction and Adam on elements [from, to). */
  | {
      readonly kind: 'update';
      readonly range: number;
      readonly from: number;
      readonly to: number;
      readonly adam: AdamStep;
    }
  /** Gives the engine back; the worker takes no task afterwards. */
  | { readonly kind: 'dispose'; readonly workers: number };

export interface TaskResult {
  /** Summed over the rows' tokens; 0 where the task has none. */
  readonly loss: number;
  /** Largest magnitude in the shard's gradient; NaN or Infinity if one is in it. */
  readonly largestGradient: number;
  readonly captions: readonly (readonly number[])[];
  /** Time the worker spent on it. */
  readonly milliseconds: number;
}

/** A known error travels as data, because an error that crosses threads loses its class. */
export type TaskReply = TaskResult | { readonly known: 'UserError' | 'TrainingError'; readonly message: string };
