/** From images and captions as people have them to a data folder in CS231n's layout. */
import { statSync } from 'node:fs';
import { UserError } from '../../errors.js';
import { isFree, NewFolder } from '../../files/new-folder.js';
import { folderSplits } from '../dataset.js';
import { plainWords, type Tokeniser } from '../word-tokens.js';
import { type AssignedSplits, assignSplits, type ImageList, type RandomSplits } from './assign-splits.js';
import { buildVocabulary } from './build-vocabulary.js';
import { type CaptionFile, Collection } from './collect.js';
import { CaptionEncoder } from './encode.js';
import { checkImageFolders } from './image-files.js';
import { type PreparationReport, reportOf } from './preparation-report.js';
import { recognise } from './recognise.js';
import { type PreparedSplit, rowsOfSplit } from './split-rows.js';
import { splitOfFileName } from './split-words.js';
import { textFile } from './text-source.js';
import { writeFolder } from './write-folder.js';

export interface PrepareOptions {
  /** Files of captions, each in any format that is recognised. */
  readonly captions: readonly string[];
  /** Folders in which images are looked for, one after another. */
  readonly images: readonly string[];
  /** The folder to be made, new or empty. */
  readonly out: string;
  /** Parted at blanks, without punctuation, by default. */
  readonly tokenise?: Tokeniser;
  /** How often a word has to come in training captions; 5 by default. */
  readonly minCount?: number;
  /** Words of a caption that are kept; 15 by default. */
  readonly longest?: number;
  /** Lists of the images of each split; none by default. */
  readonly lists?: readonly ImageList[];
  /** How splits are drawn where neither captions nor lists tell them; see `defaultSplits` for what is not given. */
  readonly random?: Partial<RandomSplits>;
  /** Told what is being done, again and again. */
  readonly progress?: (what: string, done?: number, of?: number) => void;
}

export const preparationDefaults = { tokenise: plainWords, minCount: 5, longest: 15, lists: [], random: {} } as const;

type Preparation = Required<Omit<PrepareOptions, 'progress'>>;

/** @throws UserError when captions or images cannot be taken as they are, or the folder cannot be made */
export async function prepare(options: PrepareOptions): Promise<PreparationReport> {
  const { progress = () => {}, ...given } = options;
  const preparation: Preparation = { ...preparationDefaults, ...given };
  const { out, tokenise, minCount, longest, lists, random } = preparation;
  checkFree(out);
  checkImageFolders(options.images);
  const files = await captionFiles(options.captions);
  const collection = await collect(files, preparation, progress);
  const { store } = collection;
  const assigned = await assignSplits(store.images, collection.splits, lists, random);
  const splits = folderSplits
    .map((name, split) => ({
      name,
      ...rowsOfSplit(store, assigned.splits, split),
      counts: { words: 0, unknown: 0, cut: 0 },
    }))
    .filter(({ images }) => images.length > 0);
  const training = splits.find(({ name }) => name === 'train');
  if (!training) throw withoutTraining(options.captions, splits, assigned.origin);
  const vocabulary = buildVocabulary(store, training.captions, tokenise, minCount);
  const { idxToWord } = vocabulary;
  const encoder = new CaptionEncoder(tokenise, idxToWord, longest);
  const pathOf = (image: number) => collection.pathOf(image);
  progress(`writing ${out}`);
  await makeWhole(out, (folder) => writeFolder(folder, { store, pathOf, idxToWord, encoder, splits }));
  return reportOf({ files, collection, assigned, vocabulary, encoder, splits });
}

function checkFree(out: string): void {
  try {
    if (isFree(out)) return;
  } catch (error) {
    throw notWritten(out, error);
  }
  const what = statSync(out).isDirectory() ? 'a folder with something in it' : 'a file';
  throw new UserError(
    `--out ${out}: ${what} is there, and nothing is overwritten. Name a new folder, or an empty one.`,
  );
}

/** What the system says of the place that the user has named; other errors as they are. */
function notWritten(out: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error)) return error;
  return new UserError(`--out ${out} cannot be written: ${error.message}`);
}

async function captionFiles(paths: readonly string[]): Promise<CaptionFile[]> {
  const files: CaptionFile[] = [];
  for (const path of paths) {
    const format = await recognise(textFile(path));
    // A file that is alone may well be of one split by its name, and is wanted as a whole data set.
    files.push({ path, format, split: paths.length > 1 ? splitOfFileName(path) : null });
  }
  return files;
}

async function collect(
  files: readonly CaptionFile[],
  { tokenise, images }: Preparation,
  progress: NonNullable<PrepareOptions['progress']>,
): Promise<Collection> {
  const collection = new Collection(tokenise, images);
  const { store, missing, wordless } = collection;
  for (const file of files) {
    const { path, format } = file;
    const { size } = statSync(path);
    const source = textFile(path, (bytes) => progress(`reading ${path}`, bytes, size));
    await format.read(source, collection.sinkOf(file));
  }
  if (store.count > 0) return collection;
  const where = files.map(({ path }) => path).join(', ');
  if (missing.count > 0) {
    throw new UserError(
      `${where}: none of the ${missing.count} images is in ${images.join(' or ')}, such as ${missing.examples[0]}. Name ` +
        'the folder from which the captions name their images by --images.',
    );
  }
  const { count, examples } = wordless;
  if (count > 0)
    throw new UserError(`${where}: none of the ${count} captions has a word; the first is ${examples[0]}.`);
  throw new UserError(`${where}: no captions.`);
}

function withoutTraining(
  paths: readonly string[],
  splits: readonly PreparedSplit[],
  origin: AssignedSplits['origin'],
): UserError {
  const found = splits.map(({ name, images }) => `${images.length} of ${name}`).join(', ');
  const mend = {
    captions: 'Give some images the split train.',
    lists: 'Name their list by --list train=FILE, or check the names in it.',
    drawn: 'Give lower shares to --val and --test, or more images.',
  };
  return new UserError(
    `${paths.join(', ')}: no image of the training split${found && `, only ${found}`}. ${mend[origin]}`,
  );
}

/** What is half-made has another name, and is gone when it fails. */
async function makeWhole(out: string, fill: (folder: string) => Promise<void>): Promise<void> {
  let folder: NewFolder | null = null;
  try {
    folder = new NewFolder(out);
    await fill(folder.temporary);
    folder.commit();
  } catch (error) {
    folder?.abandon();
    throw notWritten(out, error);
  }
}
