/**
 * The data-parallel step: a minibatch is dealt to shards, workers compute each shard's gradient sum, the sums are added
 * in shard order, divided once by the captions of the whole minibatch, and the optimiser updates the parameters in place.
 *
 * The coordinator runs in the first process of a run, or its only one, and asks all of them for their share.
 */
import { type Batch, captionLengths } from '../../data/batches.js';
import type { SplitName } from '../../data/dataset.js';
import type { GradientSource, ParameterValues, SharedMemory } from '../../engine/engine.js';
import { TrainingError } from '../../errors.js';
import type { DecodedCaption, Decoding } from '../../model/decoding/decoding.js';
import type { UpdateStep } from '../../tensor/update-rules.js';
import { type Answer, type Command, type DrawAddress, errorOf } from './commands.js';
import type { ChunkSquares, UpdatePass } from './journaled-update.js';
import type { Ranks } from './ranks.js';
import { dealRows } from './sharding.js';
import { type Doing, Share } from './share.js';
import type { ShareOptions } from './share-options.js';
import type { TaskResult } from './tasks.js';

export interface CoordinatorOptions extends Omit<ShareOptions, 'communicator'> {
  /** The other processes of the run, which have begun their shares; none where it has one process. */
  readonly ranks?: Ranks | undefined;
}

/** Euclidean norms of all trained parameters together. */
export interface UpdateNorms {
  /** Of the gradient sum, not divided by anything. */
  readonly gradientSum: number;
  /** After the update. */
  readonly parameters: number;
}

export interface GradientSums {
  /** Summed over the minibatch, not divided. */
  readonly loss: number;
  /** Largest magnitude of any shard's gradient sum; NaN or Infinity if one is in it. */
  readonly largestGradient: number;
  /** Milliseconds of work in each shard. */
  readonly shardMilliseconds: readonly number[];
  /** Milliseconds from the first task to the last answer. */
  readonly milliseconds: number;
}

/** An update that could not be finished: some parameters are updated, others not. */
export class UnfinishedUpdateError extends TrainingError {}

export class Coordinator {
  /** Of this process: all parameters, all gradients of its own shards, and all that is kept beside after `collect`. */
  readonly memory: SharedMemory;
  /** The parameters of each model of the ensemble. */
  readonly ensemble: readonly SharedMemory[];
  /** Told of every failure of a worker that was mended. */
  onFault: (message: string) => void;
  private readonly share: Share;
  /** Other processes have updated what this one does not have. */
  private isScattered = false;

  /** Allocates the shared memory, parameters all zero, and starts the workers. */
  constructor(readonly options: CoordinatorOptions) {
    const { ranks, ...own } = options;
    this.onFault = options.onFault;
    this.share = new Share({
      ...own,
      communicator: ranks?.communicator,
      onFault: (message) => this.onFault(message),
    });
    this.memory = this.share.memory;
    this.ensemble = this.share.ensemble;
  }

  /**
   * Loss and gradient sums of a minibatch; the gradients are left in the shards' slots.
   *
   * @param address of the random numbers that the model uses while it is trained
   */
  async gradients(batch: Batch, address: DrawAddress): Promise<GradientSums> {
    const start = performance.now();
    const results = await this.results({ kind: 'gradients', batch, address });
    return {
      loss: sumOf(results),
      largestGradient: results.reduce((largest, { largestGradient: next }) => maximum(largest, next), 0),
      shardMilliseconds: results.map(({ milliseconds }) => milliseconds),
      milliseconds: performance.now() - start,
    };
  }

  /**
   * The batch with some of the words that its captions read drawn from the model as it is now (scheduled sampling).
   *
   * @param probability of each word but a caption's first to be drawn
   */
  async sampled(batch: Batch, address: DrawAddress, probability: number): Promise<Batch> {
    const { tokens } = batch;
    const results = await this.results({ kind: 'sample', batch, address, probability });
    const T = tokens.steps;
    const inputs = tokens.inputs.slice();
    dealRows(captionLengths(tokens), this.options.shards).forEach((rows, shard) => {
      rows.forEach((row, i) => {
        inputs.set(results[shard]!.read.subarray(i * T, (i + 1) * T), row * T);
      });
    });
    return { ...batch, tokens: { ...tokens, inputs } };
  }

  /** Keeps the gradient sum of a micro-step, on top of what earlier ones of the step left if `source` says so. */
  async accumulate(source: GradientSource): Promise<void> {
    await this.all({ kind: 'update', pass: { changes: 'accumulator', source } });
  }

  /** The norm of the gradient sum, not divided by anything. */
  async gradientNorm(source: GradientSource): Promise<number> {
    return normOf(await this.all({ kind: 'measure', source }), 'gradient');
  }

  /**
   * Adds up the gradient and applies the optimiser's rule, in parallel over ranges of parameters.
   *
   * @param averageKeep what of the moving average of the parameters is kept; null where there is none
   */
  async update(step: UpdateStep, source: GradientSource, averageKeep: number | null): Promise<UpdateNorms> {
    const pass: UpdatePass = { changes: 'parameters', source, step, averageKeep };
    this.isScattered = true;
    try {
      const answers = await this.all({ kind: 'update', pass });
      return { gradientSum: normOf(answers, 'gradient'), parameters: normOf(answers, 'parameters') };
    } catch (error) {
      throw new UnfinishedUpdateError((error as Error).message);
    }
  }

  /** The summed loss of a minibatch. */
  async loss(batch: Batch, parameters: ParameterValues = 'live'): Promise<number> {
    if (parameters === 'ema') await this.collect();
    return sumOf(await this.results({ kind: 'loss', batch, parameters }));
  }

  /**
   * Captions of images of a split, in their order, each no longer than a training caption may be.
   *
   * @param doing told whenever more images are done
   * @returns the captions of each image, as many as `decoding` asks for or the search found
   */
  async captions(
    split: SplitName,
    images: readonly number[],
    decoding: Decoding,
    parameters: ParameterValues = 'live',
    doing: Doing = () => {},
  ): Promise<readonly (readonly DecodedCaption[])[]> {
    if (parameters === 'ema') await this.collect();
    const parts = await this.results({ kind: 'captions', split, images, decoding, parameters }, doing);
    return parts.flatMap(({ captions }) => captions);
  }

  /** Names of parameters of whose gradient something is not finite, or would not be once it is squared. */
  async nonFiniteParameters(): Promise<string[]> {
    const answers = await this.all({ kind: 'nonFinite' });
    const found = new Set(answers.flatMap(({ names }) => names));
    return this.memory.layout.places.map(({ name }) => name).filter((name) => found.has(name));
  }

  /** Has every process take over the parameters, and all that is kept beside them, as they are in this one's memory. */
  async hand(): Promise<void> {
    if (this.options.ranks) await this.all({ kind: 'take' });
  }

  /** Brings all that training keeps beside the parameters into this process's memory, to save it or to look at it. */
  async collect(): Promise<void> {
    if (!this.options.ranks || !this.isScattered) return;
    await this.all({ kind: 'collect' });
    this.isScattered = false;
  }

  async close(): Promise<void> {
    await this.share.close();
  }

  /** In the order of shards or parts, whichever process answers first. */
  private async results(command: Command, doing?: Doing): Promise<readonly TaskResult[]> {
    const answers = await this.all(command, doing);
    const results = answers.flatMap((answer) => answer.results);
    return results.sort((a, b) => a.index - b.index).map(({ result }) => result);
  }

  /**
   * Has all processes carry out a command.
   * @returns their answers, this one's first
   * @throws UserError or TrainingError of the first that could not
   */
  private async all(command: Command, doing?: Doing): Promise<readonly Answer[]> {
    const { ranks } = this.options;
    // Before this process's share is begun, in which it exchanges numbers with the others.
    await ranks?.tell(command);
    const [own, others] = await Promise.all([this.share.run(command, doing), ranks?.answers<Answer>() ?? []]).catch(
      (error: unknown) => {
        // The others may be in the middle of an exchange, which nobody can finish any more.
        ranks?.communicator.fail(error as Error);
        throw error;
      },
    );
    others.forEach(({ faults }, i) => {
      for (const fault of faults) this.onFault(`${ranks!.nameOf(i + 1)}: ${fault}`);
    });
    const answers = [own, ...others];
    answers.forEach(({ failure }, rank) => {
      if (failure) throw errorOf(failure, rank === 0 ? '' : ranks!.nameOf(rank));
    });
    return answers;
  }
}

/** In shard order, so that the sum has the same bits whichever worker answers first. */
function sumOf(results: readonly TaskResult[]): number {
  return results.reduce((sum, { loss }) => sum + loss, 0);
}

/** The square root of the sum, added in order, so that it has the same bits whoever computed which chunk. */
function normOf(answers: readonly Answer[], of: keyof ChunkSquares): number {
  return Math.sqrt(answers.reduce((sum, { squares }) => squares[of].reduce((some, each) => some + each, sum), 0));
}

/** The larger of two magnitudes; NaN wins. */
function maximum(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b);
}
