/** `recap serve`: captions photos over HTTP, for a page and for programs. */
import type { CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { decodingOf } from '../model/decoding/decoding.js';
import { Screen } from '../report/screen.js';
import { engineLines } from '../report/trainer-lines.js';
import { PhotoServer } from '../serve/photo-server.js';
import { attendingModel, captionModels } from '../training/loop/caption-models.js';
import { PhotoCaptioner } from '../training/loop/caption-photos.js';
import { captioningConfig } from '../training/loop/captioning-config.js';
import { movedFiles, networkOptions } from './caption-photos.js';
import { checkpointLines, checkpointsNamed } from './checkpoints-named.js';
import { type DecodingArguments, decodingOptions, searchWanted } from './decoding-options.js';
import { reportError } from './errors.js';
import { aborted, listeningOptions, portNumber, warnOfOthers } from './listening-options.js';
import { setOption } from './options.js';
import { outliveOutput } from './output.js';
import { watchSignals } from './signals.js';
import { wholeNumber } from './whole-number.js';

interface Arguments extends DecodingArguments {
  network?: string;
  pca?: string;
  host: string;
  port: number;
  queue: number;
  rate: number;
  set: string[];
}

/** Photos that are captioned together; more would let the first of them wait. */
const mostAtOnce = 8;

export const serveCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .options({
        ...decodingOptions,
        ...networkOptions,
        ...listeningOptions(8231),
        queue: {
          type: 'number',
          requiresArg: true,
          default: 64,
          describe: 'Most photos uploading, waiting or under way at a time',
        },
        rate: { type: 'number', requiresArg: true, default: 120, describe: 'Most photos of one client in a minute' },
        set: setOption,
      })
      .example('$0 serve --checkpoint runs/a --beam 5 --nbest 3', 'the three best captions of each photo')
      .example('$0 serve --checkpoint runs/a --host 0.0.0.0', 'for the phones of the same network'),
  handler: serve,
};

async function serve(words: Arguments): Promise<void> {
  const screen = new Screen();
  const { host } = words;
  const port = portNumber(words.port);
  const queue = wholeNumber('--queue', words.queue);
  const rate = wholeNumber('--rate', words.rate);
  if (words.checkpoint.length === 0) {
    throw new UserError('serve needs --checkpoint: a checkpoint file, or the folder of a run.');
  }
  const members = checkpointsNamed(words, screen);
  const decoding = searchWanted(words);
  // Samples go by an image's place among those that are captioned with it, and here that is chance.
  const atOnce = decodingOf(decoding, []).search.kind === 'sampling' ? 1 : mostAtOnce;
  const config = captioningConfig(members.flat()[0]!, words.set, 'photos');
  const lines = checkpointLines(members);
  let isListening = false;
  const stop = watchSignals((signal) => {
    if (isListening) screen.warn(`${signal}: finishing the photos that are here. Again to stop at once.`);
    return isListening;
  });
  outliveOutput();
  const captioner = await PhotoCaptioner.open(members, config, {
    decoding,
    moved: movedFiles(words),
    looks: attendingModel(captionModels(members)) !== undefined,
    atOnce,
    onFault: (fault) => screen.warning(fault),
  });
  try {
    const onError = (error: unknown) => void reportError(error);
    const title = lines.join('; ');
    const server = await PhotoServer.listen(captioner, { host, port, queue, rate, atOnce, title, onError });
    isListening = true;
    for (const line of [...lines, ...engineLines(captioner.engine)]) screen.note(line);
    warnOfOthers(host, 'photos travel', screen);
    screen.print(`Listening at ${server.url}`);
    await aborted(stop);
    await server.stop();
  } finally {
    await captioner.close();
  }
}
