/** `recap export`: writes a trained captioner as ONNX, or as a page that needs no server. */
import type { CommandModule } from 'yargs';
import { bytesWords } from '../amounts.js';
import { UserError } from '../errors.js';
import { type ExportedPart, exportCaptioner } from '../export/export-captioner.js';
import { exportPhotoCaptioner } from '../export/export-photo-captioner.js';
import { exportWebPage } from '../export/web-page.js';
import { Screen } from '../report/screen.js';
import { shellWord } from '../shell-word.js';
import type { Checkpoint } from '../training/checkpoints/checkpoint.js';
import { movedFiles, networkOptions, type PhotoArguments } from './caption-photos.js';
import { checkpointLines, checkpointsNamed } from './checkpoints-named.js';
import { type DecodingArguments, decodingOptions } from './decoding-options.js';
import { writeOutputFile } from './output-file.js';

interface Arguments extends Pick<DecodingArguments, 'checkpoint' | 'average'>, Pick<PhotoArguments, 'network' | 'pca'> {
  onnx?: string;
  parts: boolean;
  'end-to-end': boolean;
  web?: string;
}

export const exportCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .options({
        checkpoint: {
          ...decodingOptions.checkpoint,
          describe: 'Checkpoint (.safetensors), or the folder of a run for its best one',
        },
        average: decodingOptions.average,
        onnx: { type: 'string', requiresArg: true, describe: 'File to write' },
        parts: {
          type: 'boolean',
          default: false,
          describe: 'ONNX: two files for a search of your own, NAME.start.onnx and NAME.step.onnx',
        },
        'end-to-end': {
          type: 'boolean',
          default: false,
          describe: 'ONNX: with the network of the features, from preprocessed pixels on',
        },
        web: {
          type: 'string',
          requiresArg: true,
          describe: 'Folder to be made, new or empty, of a page that captions photos in the browser',
        },
        ...networkOptions,
      })
      .example('$0 export --checkpoint runs/a --onnx a.onnx', 'features in, greedy captions out')
      .example('$0 export --checkpoint runs/a --onnx a.onnx --parts', 'a.start.onnx and a.step.onnx')
      .example('$0 export --checkpoint runs/a --onnx a.onnx --end-to-end', 'pixels in, greedy captions out')
      .example('$0 export --checkpoint runs/a --web page', 'a page for any file server'),
  handler: exportWanted,
};

async function exportWanted(words: Arguments): Promise<void> {
  const screen = new Screen();
  if (words.checkpoint.length !== 1) {
    throw new UserError(
      `export takes one --checkpoint, a checkpoint file or the folder of a run; ${words.checkpoint.length} are given. ` +
        'The models of an ensemble are exported one by one.',
    );
  }
  checkOptions(words);
  const members = checkpointsNamed(words, screen);
  for (const line of checkpointLines(members)) screen.note(line);
  if (words.onnx !== undefined) await writeOnnx(words.onnx, members[0]!, words, screen);
  if (words.web !== undefined) writeWebPage(words.web, members[0]!, words, screen);
}

/** @throws UserError when options do not go together */
function checkOptions({ onnx, parts, 'end-to-end': endToEnd, web, network, pca }: Arguments): void {
  if (onnx === undefined && web === undefined) {
    throw new UserError('export needs what is to be written: --onnx FILE, or --web FOLDER.');
  }
  if (parts && onnx === undefined) throw new UserError('--parts goes with --onnx.');
  if (endToEnd && onnx === undefined) throw new UserError('--end-to-end goes with --onnx.');
  const ofPhotos = Object.entries({ network, pca }).find(([, value]) => value !== undefined);
  if (ofPhotos && web === undefined && !endToEnd) {
    throw new UserError(`--${ofPhotos[0]} goes with --web or --end-to-end, which have the network in them.`);
  }
}

async function writeOnnx(
  onnx: string,
  checkpoints: readonly Checkpoint[],
  words: Arguments,
  screen: Screen,
): Promise<void> {
  const parts: readonly ExportedPart[] = words.parts ? ['start', 'step'] : ['captions'];
  for (const part of parts) {
    const path = words.parts ? partPath(onnx, part) : onnx;
    const { bytes, signature } = words['end-to-end']
      ? await exportPhotoCaptioner(checkpoints, { part, moved: movedFiles(words) })
      : exportCaptioner(checkpoints, { part });
    writeOutputFile('--onnx', path, bytes);
    screen.print(`written  ${path}: ${signature}`);
  }
}

function writeWebPage(dir: string, checkpoints: readonly Checkpoint[], words: Arguments, screen: Screen): void {
  const files = exportWebPage(dir, checkpoints, { moved: movedFiles(words) });
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  screen.print(`written  ${dir}: ${files.length} files, ${bytesWords(bytes)}`);
  screen.print('Any file server serves it, such as');
  screen.print(`  python3 -m http.server --directory ${shellWord(dir)} 8000`);
}

function partPath(path: string, part: ExportedPart): string {
  return `${path.replace(/\.onnx$/, '')}.${part}.onnx`;
}
