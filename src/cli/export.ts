/** `recap export`: writes a trained captioner as ONNX. */
import type { CommandModule } from 'yargs';
import { UserError } from '../errors.js';
import { type ExportedPart, exportCaptioner } from '../export/export-captioner.js';
import { writeFileAtomically } from '../files/atomic-file.js';
import { Screen } from '../report/screen.js';
import { checkpointLines, checkpointsNamed, type DecodingArguments, decodingOptions } from './decoding-options.js';

interface Arguments extends Pick<DecodingArguments, 'checkpoint' | 'average'> {
  onnx: string;
  parts: boolean;
}

export const exportCommand: CommandModule<unknown, Arguments> = {
  command: 'export',
  describe: 'Write a trained captioner as ONNX',
  builder: (yargs) =>
    yargs
      .options({
        checkpoint: {
          ...decodingOptions.checkpoint,
          describe: 'Checkpoint (.safetensors), or the folder of a run for its best one',
        },
        average: decodingOptions.average,
        onnx: { type: 'string', requiresArg: true, demandOption: true, describe: 'File to write' },
        parts: {
          type: 'boolean',
          default: false,
          describe: 'Two files for a search of your own: NAME.start.onnx and NAME.step.onnx',
        },
      })
      .example('$0 export --checkpoint runs/a --onnx a.onnx', 'features in, greedy captions out')
      .example('$0 export --checkpoint runs/a --onnx a.onnx --parts', 'a.start.onnx and a.step.onnx'),
  handler: exportOnnx,
};

function exportOnnx(words: Arguments): void {
  const screen = new Screen();
  if (words.checkpoint.length !== 1) {
    throw new UserError(
      `export takes one --checkpoint, a checkpoint file or the folder of a run; ${words.checkpoint.length} are given. ` +
        'The models of an ensemble are exported one by one.',
    );
  }
  const members = checkpointsNamed(words, (line) => screen.warn(line));
  for (const line of checkpointLines(members)) screen.warn(line);
  const parts: readonly ExportedPart[] = words.parts ? ['start', 'step'] : ['captions'];
  for (const part of parts) {
    const path = words.parts ? partPath(words.onnx, part) : words.onnx;
    const { bytes, signature } = exportCaptioner(members[0]!, { part });
    try {
      writeFileAtomically(path, bytes);
    } catch (error) {
      throw new UserError(`--onnx ${path} cannot be written: ${(error as Error).message}`);
    }
    screen.print(`written  ${path}: ${signature}`);
  }
}

function partPath(path: string, part: ExportedPart): string {
  return `${path.replace(/\.onnx$/, '')}.${part}.onnx`;
}
