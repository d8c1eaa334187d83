/** `recap caption PHOTO…`: captions photos, each on a line. */
import { UserError } from '../errors.js';
import { pictureOf, thumbnailOf } from '../features/decoding.js';
import type { MovedFiles } from '../features/extractor.js';
import { type Photo, photosNamed } from '../features/photo-files.js';
import { attentionPage, type PhotoLooks, squareSide } from '../report/attention-page.js';
import { type PagePhoto, photoPage } from '../report/photo-page.js';
import type { Screen } from '../report/screen.js';
import { engineLines } from '../report/trainer-lines.js';
import { type CaptionLooks, mostAtOnce, type PhotoCaption, PhotoCaptioner } from '../training/loop/caption-photos.js';
import { captioningConfig } from '../training/loop/captioning-config.js';
import { checkpointLines, checkpointsNamed } from './checkpoints-named.js';
import { type DecodingArguments, searchWanted } from './decoding-options.js';
import { checkOutputFile, writeOutputFile } from './output-file.js';

export interface PhotoArguments extends DecodingArguments {
  photos: string[];
  network?: string;
  pca?: string;
  json: boolean;
  html?: string;
  attention?: string;
  set: string[];
}

/** Sets exit code 1 where a photo has no caption. */
export async function printPhotoCaptions(words: PhotoArguments, screen: Screen): Promise<void> {
  for (const name of ['html', 'attention'] as const) {
    if (words[name] !== undefined) checkOutputFile(`--${name}`, words[name]);
  }
  const members = checkpointsNamed(words, screen);
  const [leading] = members.flat();
  const photos = photosNamed(words.photos, process.stdin);
  for (const line of checkpointLines(members)) screen.note(line);
  const captioner = await PhotoCaptioner.open(members, captioningConfig(leading!, words.set, 'photos'), {
    decoding: searchWanted(words),
    moved: movedFiles(words),
    looks: words.attention !== undefined,
    atOnce: Math.min(mostAtOnce, photos.length),
    onFault: (fault) => screen.warning(fault),
  });
  for (const line of engineLines(captioner.engine)) screen.note(line);
  const page: PagePhoto[] = [];
  const looks: PhotoLooks[] = [];
  let done = 0;
  try {
    for await (const caption of captioner.captions(photos)) {
      if (words.html !== undefined) page.push(await pagePhoto(photos[done++]!, caption));
      if ('error' in caption) process.exitCode = 1;
      else if (caption.looks) looks.push(await photoLooks(caption.photo, caption.looks));
      if (words.json) for (const line of jsonLines(caption)) screen.print(line);
      else if ('error' in caption) screen.warn(`error: ${caption.error}`);
      else for (const { text } of caption.decoded) screen.print(`${caption.photo}  ${text}`);
    }
  } finally {
    await captioner.close();
  }
  const title = checkpointLines(members).join('; ');
  if (words.html !== undefined) writeOutputFile('--html', words.html, photoPage(title, page));
  if (words.attention !== undefined) writeOutputFile('--attention', words.attention, attentionPage(title, looks));
}

export const networkOptions = {
  network: {
    type: 'string',
    requiresArg: true,
    describe: 'Photos: the network of the features, where it has moved',
  },
  pca: { type: 'string', requiresArg: true, describe: 'Photos: the principal components, where they have moved' },
} as const;

export function movedFiles({ network, pca }: Pick<PhotoArguments, 'network' | 'pca'>): MovedFiles {
  return { ...(network === undefined ? {} : { network }), ...(pca === undefined ? {} : { pca }) };
}

/** Pixels of a picture's longer side. */
const pictureSide = 480;

async function pagePhoto(photo: Photo, caption: PhotoCaption): Promise<PagePhoto> {
  if ('error' in caption) return { name: photo.name, picture: null, captions: [], error: caption.error };
  const captions = caption.decoded.map(({ text }) => text);
  // The file may have gone since.
  const picture = await thumbnailOf(photo, pictureSide).catch(() => null);
  return { name: photo.name, picture, captions, error: null };
}

/** @throws UserError when the cells are no square */
async function photoLooks(name: string, { pixels, size, words, weights }: CaptionLooks): Promise<PhotoLooks> {
  const side = squareSide(weights);
  if (side !== null) return { name, picture: await pictureOf(pixels, size), words, weights, side };
  throw new UserError(
    `--attention: ${weights[0]!.length} vectors are no square of cells, so where they are is not known.`,
  );
}

function jsonLines(caption: PhotoCaption): string[] {
  const image = caption.photo;
  if ('error' in caption) return [JSON.stringify({ image, error: caption.error })];
  return caption.decoded.map(({ text, logProbability }) => JSON.stringify({ image, caption: text, logProbability }));
}
