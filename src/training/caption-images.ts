/** Captions of images from a checkpoint, without any captions file: the checkpoint holds the vocabulary. */
import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema.js';
import { type CaptionSplit, type Dataset, loadFeatures, type SplitName } from '../data/dataset.js';
import { Vocabulary } from '../data/vocabulary.js';
import type { EngineDescription } from '../engine/engine.js';
import { chooseEngine, type EngineChoice, precisionOf } from '../engine/select.js';
import { UserError } from '../errors.js';
import { type Checkpoint, restoreParameters } from './checkpoint.js';
import { Coordinator } from './coordinator.js';

export interface ImageCaption {
  /** Row of the feature file. */
  readonly image: number;
  readonly url: string | null;
  readonly caption: string;
}

/** Images that one worker captions at a time. */
const batchRows = 50;

/**
 * Greedy captions of the first `count` images of a split.
 *
 * @param config where the features are and on which engine to compute
 * @throws UserError when the features are missing or are not those of the model
 */
export async function captionImages(
  checkpoint: Checkpoint,
  config: Config,
  split: SplitName,
  count: number,
  onFault: (message: string) => void,
): Promise<{ engine: EngineDescription; captions: ImageCaption[] }> {
  const { model, vocabulary: words, engineChoice } = checkpoint.state;
  const vocabulary = Vocabulary.of(config.data.tokens, words, checkpoint.path);
  const { choice, description } = await chooseEngine(config.engine, engineChoice as EngineChoice);
  const { features, urls } = await loadFeatures(config.data, split, precisionOf(choice));
  if (features.columns !== model.featureDim) {
    throw new UserError(
      `${checkpoint.path} expects image features of ${model.featureDim} columns, the ${split} features ` +
        `(data.features: ${config.data.features}) have ${features.columns}.`,
    );
  }
  const images = Array.from({ length: Math.min(count, features.rows) }, (_, image) => image);
  const workers = config.train.workers === 'auto' ? availableParallelism() : config.train.workers;
  const shards = Math.min(workers, Math.ceil(images.length / batchRows));
  const coordinator = new Coordinator({
    engine: choice,
    shape: model,
    dataset: withoutCaptions(split, features, urls, vocabulary, model.steps + 1),
    batchSize: batchRows * shards,
    workers: shards,
    shards,
    taskSeconds: config.train.taskSeconds,
    onFault,
  });
  try {
    restoreParameters(coordinator.memory, checkpoint.parameters);
    const generated = await coordinator.captions(split, images);
    const captions = images.map((image, i) => ({
      image,
      url: urls?.[image] ?? null,
      caption: vocabulary.decode(generated[i]!),
    }));
    return { engine: description, captions };
  } finally {
    await coordinator.close();
  }
}

function withoutCaptions(
  name: SplitName,
  features: CaptionSplit['features'],
  urls: readonly string[] | null,
  vocabulary: Vocabulary,
  columns: number,
): Dataset {
  const none = () => new Int32Array(new SharedArrayBuffer(0));
  const split = { name, captions: none(), imageIdxs: none(), count: 0, columns, features, urls };
  return { train: split, val: split, vocabulary, checksum: '', notes: [] };
}
