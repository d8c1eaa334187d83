/** What a process of a run does that is not the first: it loads the data, makes its share, and carries out commands. */
import { setTimeout } from 'node:timers/promises';
import { deserialize, serialize } from 'node:v8';
import type { Config } from '../../config/schema.js';
import { loadSource } from '../../data/data-source.js';
import type { Dataset } from '../../data/dataset.js';
import { engineCandidates, haveSameBits } from '../../engine/select.js';
import { TrainingError, UserError } from '../../errors.js';
import { family } from '../../model/captioner.js';
import type { Communicator } from '../../mpi/communicator.js';
import { type Begin, failureOf, type Hello, type Load, type Message } from '../parallel/commands.js';
import { probeNetwork } from '../parallel/network-probe.js';
import { patienceAtStart } from '../parallel/ranks.js';
import { Share } from '../parallel/share.js';

/**
 * Takes part in the run until the first process ends it.
 *
 * @throws TrainingError when the first process is lost
 */
export async function takePart(communicator: Communicator, hello: Hello): Promise<void> {
  const answer = (value: object) => communicator.send(0, serialize(value));
  const watch = (seconds: number, key = '') =>
    communicator.watch(seconds, () => firstIsLost(communicator.rank, `${seconds} s${key}`));
  watch(patienceAtStart);
  await answer(hello);
  const rank = new Rank(communicator);
  for (;;) {
    const message = deserialize(await communicator.broadcast()) as Message;
    switch (message.kind) {
      case 'load':
        watch(message.config.train.rankSeconds, ' (train.rankSeconds)');
        await answer(await rank.load(message));
        break;
      case 'begin':
        await answer(await rank.begin(message));
        break;
      case 'probe':
        await probeNetwork(communicator, message.counts);
        await answer({});
        break;
      case 'end':
        await Promise.race([rank.leave(), setTimeout(longestLeave, undefined, { ref: false })]);
        await answer({});
        return;
      default:
        await answer(await rank.share!.run(message));
    }
  }
}

/** Milliseconds that ending the workers may take: one may hang in a native library, and the process ends all the same. */
const longestLeave = 20_000;

class Rank {
  share: Share | null = null;
  private config: Config | null = null;
  private dataset: Dataset | null = null;

  constructor(private readonly communicator: Communicator) {}

  /** Ends the share that it has. */
  async leave(): Promise<void> {
    const { share } = this;
    this.share = null;
    await share?.close();
  }

  async load({ config, source, precision }: Load) {
    this.config = config;
    try {
      this.dataset = await loadSource(source, config.data, precision, config.train.seed);
      return { checksum: this.dataset.checksum, failure: null };
    } catch (error) {
      return { checksum: '', failure: failureOf(error) };
    }
  }

  async begin({ engine, recipe, updates, batchSize, workers, shards }: Begin) {
    const { communicator, dataset } = this;
    const { train, engine: wanted } = this.config!;
    try {
      await this.leave();
      const [chosen] = await engineCandidates(wanted, engine);
      if (!haveSameBits(chosen!.choice, engine)) {
        throw new UserError(
          `Here the engine is ${chosen!.description.detail}, whose numbers differ in the last digits from those of ` +
            'rank 0. Name one engine that all machines have (engine in the config).',
        );
      }
      this.share = new Share({
        engine: chosen!.choice,
        model: { family, recipe, spec: family.spec(recipe.options, recipe.dimensions) },
        dataset: dataset!,
        updates,
        batchSize,
        workers: workers[communicator.rank]!,
        shards,
        taskSeconds: train.taskSeconds,
        reduction: train.reduction,
        communicator,
        onFault: () => {},
      });
      return { failure: null };
    } catch (error) {
      return { failure: failureOf(error) };
    }
  }
}

function firstIsLost(rank: number, time: string): Error {
  return new TrainingError(
    `Rank ${rank} ends: rank 0 has given no sign of life for ${time}. Go on from the last checkpoint of the run with ` +
      'recap train --resume.',
  );
}
