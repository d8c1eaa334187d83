/** Scores of the captions that checkpoints write about all images of a split, over all of their references. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/schema.js';
import { type DataConfig, type FolderSplit, loadCaptionTexts } from '../../data/dataset.js';
import { quote } from '../../data/quote.js';
import type { EngineDescription } from '../../engine/engine.js';
import { UserError } from '../../errors.js';
import { readReferences } from '../../evaluation/caption-files.js';
import { checkReferences, type ImageId, type ReferenceSet } from '../../evaluation/caption-sets.js';
import { type CaptionScores, type ScoreOptions, scoreCaptions } from '../../evaluation/score-captions.js';
import { captionImages, type ImageCaption, type ImageOptions } from './caption-images.js';
import type { CaptioningCheckpoints } from './caption-models.js';
import { decodedNote, referenceList } from './references.js';

export interface ScoringOptions
  extends Pick<ScoreOptions, 'tokens' | 'idf'>,
    Pick<ImageOptions, 'decoding' | 'onFault' | 'captioning' | 'loading'> {
  readonly split: FolderSplit;
  /** By default the list of the split beside the data, or its HDF5 captions where there is none. */
  readonly references?: ReferenceSet;
  /** Told when all images are captioned. */
  readonly scoring?: () => void;
}

export interface ImageScoring {
  readonly scores: CaptionScores;
  readonly captions: readonly ImageCaption[];
  readonly engine: EngineDescription;
  /** Where the references are from. */
  readonly references: string;
  /** What the user should know of them; null where they are as people wrote them. */
  readonly note: string | null;
}

/** @throws UserError when data or references are missing, or do not fit the models or each other */
export async function scoreImages(
  checkpoints: CaptioningCheckpoints,
  config: Config,
  { split, references: given, decoding, onFault, captioning, loading, scoring, ...options }: ScoringOptions,
): Promise<ImageScoring> {
  const { set: references, note } = given ? { set: given, note: null } : await folderReferences(config.data, split);
  checkReferences(references);
  const images = references.images.map(({ image }) => rowOf(image, references.source));
  const told = {
    ...(decoding ? { decoding } : {}),
    ...(onFault ? { onFault } : {}),
    ...(captioning ? { captioning } : {}),
    loading,
  };
  const { engine, captions } = await captionImages(checkpoints, config, split, { images, ...told });
  const urls = new Map(captions.map(({ image, url }) => [image, url]));
  const candidates = {
    source: `the captions of ${split}`,
    captions: captions.map(({ image, caption }) => ({ image, caption })),
  };
  const named = {
    ...references,
    images: references.images.map((entry) => ({ ...entry, file: entry.file ?? urls.get(Number(entry.image)) ?? null })),
  };
  scoring?.();
  const training = await trainingCaptions(config.data);
  const scores = await scoreCaptions(candidates, named, { ...options, ...(training ? { training } : {}) });
  return { scores, captions, engine, references: references.source, note };
}

/** Images of a data folder are rows of its features, by numbers as they are commonly written: 01 is none. */
function rowOf(image: ImageId, source: string): number {
  if (/^(?:0|[1-9]\d{0,14})$/.test(String(image))) return Number(image);
  throw new UserError(
    `${source}: image ${quote(image)}, where a row of the features is expected, counted from 0. To score captions of ` +
      'other images, give them by --candidates.',
  );
}

async function folderReferences(
  data: DataConfig,
  split: FolderSplit,
): Promise<{ readonly set: ReferenceSet; readonly note: string | null }> {
  const path = referenceList(data.dir, split);
  if (path !== null && existsSync(path)) return { set: readReferences(path), note: null };
  const texts = await loadCaptionTexts(data, split);
  const images = [...texts].map(([image, captions]) => ({ image, file: null, captions }));
  return { set: { source: `the ${split} captions of the data`, images }, note: decodedNote(path) };
}

/** Null where the data has no training captions. */
async function trainingCaptions(data: DataConfig): Promise<string[] | null> {
  const path = referenceList(data.dir, 'train');
  if (path !== null && existsSync(path)) return readReferences(path).images.flatMap(({ captions }) => captions);
  if (data.dir !== null && !existsSync(join(data.dir, 'coco2014_captions.h5'))) return null;
  return [...(await loadCaptionTexts(data, 'train')).values()].flat();
}
