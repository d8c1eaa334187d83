/**
 * The built-in set `shapes`: drawn by the program, written once in the layout of CS231n's `coco_captioning` folder with
 * its images beside it, and loaded like any other data.
 */
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PNG } from 'pngjs';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { UserError } from '../../errors.js';
import { fitComponents, project } from '../../features/pca.js';
import { cacheFolder } from '../../files/cache-folder.js';
import { makeFolder } from '../../files/make-folder.js';
import { captionFileName, urlFileName, vocabularyFileName } from '../folder-files.js';
import { Hdf5Thread } from '../hdf5-client.js';
import { generator } from '../random.js';
import { readJson } from '../text-file.js';
import { endId, specialTokens, startId } from '../vocabulary.js';
import { drawImage } from './drawing.js';
import { drawCaption, grammarWords, longestCaption } from './grammar.js';
import { featureColumns, imageFeatures } from './image-features.js';

import { drawScenes, imageSide, type Scene } from './scene.js';

export { isTrueCaption } from './grammar.js';
export type { Scene } from './scene.js';

/** Goes up with every change of what is drawn or written, so that an older cache is not taken for it. */
const version = 4;
const counts = { train: { single: 500, pairs: 1100 }, val: { single: 60, pairs: 140 } };
const captionsPerScene = 3;
/** D of `fc7_pca` */
const pcaColumns = 96;

export interface SceneEntry {
  /** Relative to the folder. */
  readonly file: string;
  readonly scene: Scene;
}

/** Where the set is kept: RECAP_CACHE_DIR, or recap's folder in XDG_CACHE_HOME or ~/.cache. */
export function shapesFolder(): string {
  return join(cacheFolder(), `shapes-${version}`);
}

/**
 * The folder of the set, made if it is not there. Made in a temporary folder and then renamed, so that a half-made one is
 * never used and two processes may do it at once.
 *
 * @throws UserError when the cache cannot be written
 */
export async function ensureShapes(folder = shapesFolder()): Promise<string> {
  if (existsSync(folder)) return folder;
  let temporary: string | null = null;
  try {
    makeFolder(dirname(folder));
    temporary = mkdtempSync(`${folder}.making-`);
    await makeShapes(temporary);
    renameSync(temporary, folder);
  } catch (error) {
    if (temporary !== null) rmSync(temporary, { recursive: true, force: true });
    if (existsSync(folder)) return folder;
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UserError(
      `${folder}: the built-in set cannot be written (${code}). Set RECAP_CACHE_DIR to a folder that can be written.`,
    );
  }
  return folder;
}

/** What each image of a split shows, by its row in the feature table. */
export function loadShapesScenes(folder: string): { train: SceneEntry[]; val: SceneEntry[] } {
  return readJson(join(folder, scenesFile)) as { train: SceneEntry[]; val: SceneEntry[] };
}

const scenesFile = 'scenes.json';

async function makeShapes(folder: string): Promise<void> {
  const random = generator(231, 'shapes');
  const scenes = drawScenes(random, counts.train, counts.val);
  const idxToWord = [...specialTokens, ...grammarWords()];
  const ids = new Map(idxToWord.map((word, id) => [word, id]));
  const train = makeSplit(random, folder, 'train', scenes.train, ids);
  const val = makeSplit(random, folder, 'val', scenes.val, ids);
  const components = fitComponents(train.features, featureColumns, pcaColumns);
  const thread = new Hdf5Thread();
  try {
    const columns = longestCaption + 2;
    await thread.write(join(folder, captionFileName), [
      { name: 'train_captions', blocks: [train.captions], shape: [train.imageIdxs.length, columns] },
      { name: 'train_image_idxs', blocks: [train.imageIdxs], shape: [train.imageIdxs.length] },
      { name: 'val_captions', blocks: [val.captions], shape: [val.imageIdxs.length, columns] },
      { name: 'val_image_idxs', blocks: [val.imageIdxs], shape: [val.imageIdxs.length] },
    ]);
    for (const [name, { features, entries }] of Object.entries({ train, val })) {
      const table = (data: Float32Array, width: number) => [
        { name: 'features', blocks: [data], shape: [entries.length, width] },
      ];
      await thread.write(join(folder, `${name}2014_vgg16_fc7.h5`), table(features, featureColumns));
      const projected = project(features, featureColumns, components);
      await thread.write(join(folder, `${name}2014_vgg16_fc7_pca.h5`), table(projected, pcaColumns));
      writeFileSync(join(folder, urlFileName(name)), `${entries.map(({ file }) => file).join('\n')}\n`);
    }
  } finally {
    await thread.close();
  }
  const wordToIdx = Object.fromEntries(ids);
  writeFileSync(join(folder, vocabularyFileName), JSON.stringify({ idx_to_word: idxToWord, word_to_idx: wordToIdx }));
  writeFileSync(join(folder, scenesFile), JSON.stringify({ train: train.entries, val: val.entries }));
}

interface MadeSplit {
  readonly entries: readonly SceneEntry[];
  readonly features: Float32Array;
  readonly captions: Int32Array;
  readonly imageIdxs: Int32Array;
}

/** Draws and writes the images of a split. */
function makeSplit(
  random: RandomGenerator,
  folder: string,
  name: string,
  scenes: readonly Scene[],
  ids: ReadonlyMap<string, number>,
): MadeSplit {
  makeFolder(join(folder, 'images', name));
  const columns = longestCaption + 2;
  const features = new Float32Array(scenes.length * featureColumns);
  const captions = new Int32Array(scenes.length * captionsPerScene * columns);
  const imageIdxs = Int32Array.from({ length: scenes.length * captionsPerScene }, (_, i) =>
    Math.floor(i / captionsPerScene),
  );
  const entries = scenes.map((scene, row) => {
    const pixels = drawImage(random, scene);
    features.set(imageFeatures(pixels), row * featureColumns);
    for (let k = 0; k < captionsPerScene; k++) {
      const words = drawCaption(random, scene).split(' ');
      const tokens = [startId, ...words.map((word) => ids.get(word)!), endId];
      captions.set(tokens, (row * captionsPerScene + k) * columns);
    }
    const file = `images/${name}/${String(row).padStart(4, '0')}.png`;
    writePng(join(folder, file), pixels);
    return { file, scene };
  });
  return { entries, features, captions, imageIdxs };
}

function writePng(path: string, pixels: Uint8Array): void {
  const rgb = { colorType: 2, inputColorType: 2, inputHasAlpha: false, filterType: 0 } as const;
  const png = new PNG({ width: imageSide, height: imageSide, ...rgb });
  png.data = Buffer.from(pixels);
  writeFileSync(path, PNG.sync.write(png, rgb));
}
