/** Models that stand ready to caption images: their workers are started once, however often they are asked. */
import type { CaptionSplit } from '../../data/dataset.js';
import { type FeatureTable, sharedTable } from '../../data/feature-table.js';
import { unwrittenIds, type Vocabulary } from '../../data/vocabulary.js';
import type { EngineDescription, ParameterValues } from '../../engine/engine.js';
import type { EngineWanted } from '../../engine/engine-wanted.js';
import { chooseEngine } from '../../engine/select.js';
import { UserError } from '../../errors.js';
import { usableThreads } from '../../files/container-limits.js';
import {
  type DecodedCaption,
  type Decoding,
  type DecodingOptions,
  decodingOf,
  hypothesesOf,
} from '../../model/decoding/decoding.js';
import type { ModelFamily } from '../../model/family.js';
import type { Named } from '../../tensor/matrix.js';
import { Coordinator } from '../parallel/coordinator.js';
import {
  attendingModel,
  type CaptioningCheckpoints,
  type CaptionModel,
  captionModels,
  leadingCheckpoint,
  recordedEngine,
  restoreMean,
  vocabularyOf,
} from './caption-models.js';

export interface CaptioningOptions {
  /** The engine of the checkpoint's run by default. */
  readonly engine?: EngineWanted;
  /** Threads; one a core by default. */
  readonly workers?: number;
  /** By default those that the checkpoint's config validates. */
  readonly parameters?: ParameterValues;
  /** What makes the model, for checkpoints of a family of one's own. */
  readonly family?: ModelFamily;
  /** Rows of the inputs, all by default. */
  readonly images?: readonly number[];
  /** How captions are searched for: by the likeliest word at each step, without `<UNK>`, by default. */
  readonly decoding?: DecodingOptions;
  /** Told of every failure of a worker that was mended. */
  readonly onFault?: (message: string) => void;
  /** Told whenever more images are captioned. */
  readonly captioning?: (done: number, of: number) => void;
}

export interface CaptionText extends DecodedCaption {
  readonly text: string;
}

/** Most rows of a step of one worker; more would make matrix products no faster. */
const mostRows = 256;
/** With grids fewer, since a worker holds what each row looks at several times: most numbers of all rows, 8 MB. */
const mostNumbers = 2 ** 21;
/** Fewer would make products slower than memory is worth. */
const leastRows = 32;

export class InputCaptioner {
  private constructor(
    readonly engine: EngineDescription,
    /** Rows of the inputs. */
    readonly images: readonly number[],
    private readonly coordinator: Coordinator,
    private readonly decoding: Decoding,
    private readonly vocabulary: Vocabulary,
  ) {}

  /**
   * @param inputs what the models are given of each image, a row an image. Those in shared memory are not copied: what
   * is written there later on is what later captions are of
   * @throws UserError when the inputs are not those of the models, or the models do not go together
   */
  static async open(
    checkpoints: CaptioningCheckpoints,
    inputs: Named<FeatureTable>,
    options: Omit<CaptioningOptions, 'captioning'> = {},
  ): Promise<InputCaptioner> {
    const leading = leadingCheckpoint(checkpoints);
    const members = captionModels(checkpoints, options.family);
    const [{ model }, ...others] = members as [CaptionModel, ...CaptionModel[]];
    const { dimensions } = model.recipe;
    const decoding = decodingOf(options.decoding ?? {}, unwrittenIds);
    if (decoding.minLength >= dimensions.steps) {
      throw new UserError(
        `min-length: ${decoding.minLength}, but captions by ${leading.path} end after ${dimensions.steps - 1} words at most.`,
      );
    }
    if (decoding.attention && attendingModel(members) === undefined) {
      throw new UserError(`attention: ${leading.path} is of a model that looks at no grid (model.attention: none).`);
    }
    const tables = Object.assign({}, ...members.map((member) => tablesOf(member, inputs))) as Named<FeatureTable>;
    const wanted = options.engine ?? { name: 'auto' };
    const { choice, description } = await chooseEngine(wanted, recordedEngine(leading));
    const rows = Object.values(tables)[0]?.rows ?? 0;
    const images = options.images ?? Array.from({ length: rows }, (_, image) => image);
    const hypotheses = images.length * hypothesesOf(decoding);
    const shards = Math.max(1, Math.min(options.workers ?? usableThreads(), images.length));
    const split = withoutCaptions(tables, dimensions.steps + 1);
    const coordinator = new Coordinator({
      engine: choice,
      model,
      ensemble: others.map((other) => other.model),
      dataset: { train: split, val: split },
      updates: null,
      batchSize: shards * Math.max(1, Math.min(rowsAtOnce(tables), Math.ceil(hypotheses / shards))),
      workers: shards,
      shards,
      taskSeconds: 300,
      onFault: options.onFault ?? (() => {}),
    });
    try {
      [coordinator.memory, ...coordinator.ensemble].forEach((memory, i) => {
        restoreMean(memory, members[i]!.checkpoints, options.parameters);
      });
    } catch (error) {
      await coordinator.close();
      throw error;
    }
    return new InputCaptioner(description, images, coordinator, decoding, vocabularyOf(leading));
  }

  /**
   * All captions of each image, the best first.
   *
   * @param firstImage place of the first row of the inputs in a longer list, by which samples are drawn
   */
  async captions(
    images: readonly number[],
    captioning?: CaptioningOptions['captioning'],
    firstImage = 0,
  ): Promise<readonly (readonly CaptionText[])[]> {
    const { search } = this.decoding;
    const decoding =
      search.kind === 'sampling' ? { ...this.decoding, search: { ...search, firstImage } } : this.decoding;
    const found = await this.coordinator.captions('val', images, decoding, 'live', captioning);
    // A beam's come ordered, samples as they were numbered; equals stay so, since the sort is stable.
    return found.map((captions) =>
      captions
        .map((caption) => ({ ...caption, text: this.vocabulary.decode(caption.words) }))
        .sort((a, b) => b.score - a.score),
    );
  }

  async close(): Promise<void> {
    await this.coordinator.close();
  }
}

function rowsAtOnce(tables: Named<FeatureTable>): number {
  const columns = Object.values(tables).reduce((sum, table) => sum + table.columns, 0);
  return Math.max(leastRows, Math.min(mostRows, Math.floor(mostNumbers / columns)));
}

/** @throws UserError naming the input that is missing or has another shape than the model's */
function tablesOf(member: CaptionModel, inputs: Named<FeatureTable>): Named<FeatureTable> {
  const tables = Object.keys(member.model.recipe.dimensions.inputs).map((name) => {
    checkInput(member, name, inputs[name]);
    return [name, sharedTable(inputs[name]!)];
  });
  return Object.fromEntries(tables);
}

/** @throws UserError when an input of a model is missing or has another shape than it expects */
export function checkInput(
  { model, checkpoints }: CaptionModel,
  name: string,
  given: Pick<FeatureTable, 'columns' | 'positions'> | undefined,
): void {
  const { inputs, positions } = model.recipe.dimensions;
  const columns = inputs[name];
  const { path } = checkpoints[0]!;
  if (!given) throw new UserError(`${path} needs the input ${name} of ${columns} columns, which is missing.`);
  if (given.columns !== columns) {
    throw new UserError(`${path} expects image ${name} of ${columns} columns, those given have ${given.columns}.`);
  }
  if (given.positions !== positions?.[name]) {
    throw new UserError(
      `${path} expects image ${name} of ${positions?.[name]} vectors each, those given have ${given.positions}.`,
    );
  }
}

function withoutCaptions(inputs: Named<FeatureTable>, columns: number): CaptionSplit {
  const none = () => new Int32Array(new SharedArrayBuffer(0));
  return { name: 'val', captions: none(), imageIdxs: none(), count: 0, columns, inputs, urls: null };
}
