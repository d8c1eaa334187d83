/** `recap caption`: captions photos, or images of the data, from checkpoints. */
import type { CommandModule } from 'yargs';
import type { FolderSplit } from '../data/dataset.js';
import { UserError } from '../errors.js';
import { Screen } from '../report/screen.js';
import { engineLines } from '../report/trainer-lines.js';
import { captionImages } from '../training/loop/caption-images.js';
import { captioningConfig } from '../training/loop/captioning-config.js';
import { networkOptions, type PhotoArguments, printPhotoCaptions } from './caption-photos.js';
import { captioningProgress, checkpointLines, checkpointsNamed } from './checkpoints-named.js';
import { decodingOptions, defaultSplit, searchWanted, splitOption } from './decoding-options.js';
import { setOption } from './options.js';
import { wholeNumber } from './whole-number.js';

interface Arguments extends PhotoArguments {
  split?: FolderSplit;
  count?: number;
}

export const captionCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .positional('photos', {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'Photos: files, folders, or - for one from a pipe; without any, images of the data',
      })
      .options({
        ...decodingOptions,
        ...networkOptions,
        html: { type: 'string', requiresArg: true, describe: 'Photos: file for a page with them and their captions' },
        attention: {
          type: 'string',
          requiresArg: true,
          describe: 'Photos: file for a page that shows where each word looked',
        },
        json: { type: 'boolean', default: false, describe: 'Photos: print a JSON object a line' },
        split: splitOption,
        count: { type: 'number', requiresArg: true, describe: 'Images, from the first on (default: 10)' },
        set: setOption,
      })
      .example('$0 caption --checkpoint runs/a', 'the first 10 validation images')
      .example('$0 caption --checkpoint runs/a/checkpoints/step-500.safetensors', 'by the state after that step')
      .example('$0 caption --checkpoint runs/a photo.jpg photos/ --json', 'new photos, JSON')
      .example('$0 caption --checkpoint runs/a --checkpoint runs/b --beam 5', 'by two models together')
      .example('$0 caption --checkpoint runs/a --temperature 0.8 --nbest 5', 'five samples of each image')
      .example('$0 caption --checkpoint FILE --count 5 --set data.dir=DIR', 'where the data has moved'),
  handler: caption,
};

async function caption(words: Arguments): Promise<void> {
  const screen = new Screen({ live: process.stderr });
  const count = wholeNumber('--count', words.count ?? 10);
  if (words.checkpoint.length === 0) {
    throw new UserError('caption needs --checkpoint: a checkpoint file, or the folder of a run.');
  }
  if (words.photos.length > 0) {
    const ofData = (['count', 'split'] as const).find((name) => words[name] !== undefined);
    if (ofData)
      throw new UserError(`--${ofData} goes with images of the data; the photos that are named are captioned.`);
    return await printPhotoCaptions(words, screen);
  }
  const ofPhotos = (['json', 'html', 'attention', 'network', 'pca'] as const).find((name) => words[name]);
  if (ofPhotos) throw new UserError(`--${ofPhotos} goes with photos: recap caption --checkpoint RUN PHOTO…`);
  const members = checkpointsNamed(words, screen);
  const [leading] = members.flat();
  const config = captioningConfig(leading!, words.set);
  const split = words.split ?? defaultSplit;
  const { engine, captions } = await captionImages(members, config, split, {
    images: { first: count },
    decoding: searchWanted(words),
    onFault: (fault) => screen.warning(fault),
    ...captioningProgress(screen),
  });
  screen.endLive();
  for (const line of [...checkpointLines(members), ...engineLines(engine)]) screen.note(line);
  if (words.count !== undefined && captions.length < count) {
    screen.note(`note: --count ${count}, but the ${split} features have ${captions.length} images; all are captioned.`);
  }
  for (const { image, url, decoded } of captions) {
    for (const { text } of decoded) {
      screen.print(`${String(image).padStart(6)}  ${text}${url === null ? '' : `  (${url})`}`);
    }
  }
}
