/** A trained captioner and the network of its features as one ONNX file. */
import { UserError } from '../errors.js';
import type { ExtractorDescription } from '../features/description.js';
import { type MovedFiles, recordedComponents, recordedNetwork } from '../features/extractor.js';
import type { Checkpoint } from '../training/checkpoints/checkpoint.js';
import { commonExtractor } from '../training/loop/caption-photos.js';
import { type ExportedCaptioner, type ExportOptions, encodedCaptioner } from './export-captioner.js';
import { networkFront } from './network-front.js';

export interface PhotoExportOptions extends ExportOptions {
  /** Where files are that are not where they were. */
  readonly moved?: MovedFiles;
}

/**
 * As `exportCaptioner`, but that it takes pixels: the network is in front of `captions` and of `start`, which then gives
 * the grid too, where `step` reads it; `step` has nothing to do with it. How photos become pixels is in `metadata_props`:
 * `preprocessing`, an object in JSON.
 *
 * @throws UserError when the checkpoint does not know its extractor, that is no network, or they cannot be joined
 */
export async function exportPhotoCaptioner(
  checkpoints: readonly Checkpoint[],
  { moved = {}, ...options }: PhotoExportOptions = {},
): Promise<ExportedCaptioner> {
  const description = recordedExtractor(checkpoints);
  const network = recordedNetwork(description, moved);
  if (network === null || description.kind === 'builtin') {
    throw new UserError(
      `${checkpoints[0]!.path} was trained on features of the built-in extractor, which is no network that a captioner ` +
        'could be joined to. recap export --web has it.',
    );
  }
  if (options.part === 'step') return encodedCaptioner(checkpoints, options, null, {});
  const front = await networkFront(network, description, recordedComponents(description, moved));
  const preprocessing = JSON.stringify(description.preprocessing);
  return encodedCaptioner(checkpoints, options, front, { preprocessing });
}

/**
 * What made the features of the checkpoints.
 *
 * @throws UserError when they do not say, or it gives no grids where the model looks at them
 */
export function recordedExtractor(checkpoints: readonly Checkpoint[]): ExtractorDescription {
  const description = commonExtractor([checkpoints]);
  const { path, state } = checkpoints[0]!;
  if (state.model.dimensions.inputs.grid === undefined || description.kind === 'builtin') return description;
  if (description.grid !== null) return description;
  throw new UserError(
    `${path} looks at grids, and the network of its features was asked for none. Make the features again by recap ` +
      'features with --grid, and train on them.',
  );
}
