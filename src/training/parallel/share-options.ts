/** What a process needs to know of a run to take its share of it. */
import type { Config } from '../../config/schema.js';
import type { Dataset, SplitName } from '../../data/dataset.js';
import type { EngineChoice } from '../../engine/select.js';
import type { Communicator } from '../../mpi/communicator.js';
import type { UpdateRule } from '../../tensor/update-rules.js';
import type { Model } from './model.js';

export interface ShareOptions {
  readonly engine: EngineChoice;
  readonly model: Model;
  readonly dataset: Pick<Dataset, SplitName>;
  /** Models of the same vocabulary whose probabilities are averaged with this one's where images are captioned. */
  readonly ensemble?: readonly Model[];
  /** Null where nothing is trained, and images are captioned alone. */
  readonly updates: UpdateArrays | null;
  readonly batchSize: number;
  /** Of this process. */
  readonly workers: number;
  /** Parts of every minibatch, over all processes; together with seed and engine this fixes the bits of the result. */
  readonly shards: number;
  readonly taskSeconds: number;
  /** How gradients of several processes are added. */
  readonly reduction?: Config['train']['reduction'] | undefined;
  /** Between the processes of the run; none where it has one. */
  readonly communicator?: Communicator | undefined;
  readonly onFault: (message: string) => void;
  /** The entry file of the workers; tests hand in one that fails on purpose. */
  readonly file?: string | undefined;
}

/** What training keeps beside the parameters. */
export interface UpdateArrays {
  readonly rule: UpdateRule;
  /** Names of the parameters that weight decay applies to. */
  readonly decayed: readonly string[];
  /** Whether a moving average of the parameters is kept. */
  readonly averages: boolean;
  /** Whether a step has several micro-steps. */
  readonly accumulates: boolean;
}
