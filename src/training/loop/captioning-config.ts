/** The config by which a stored model captions images: its own, and what of it may be another. */
import { differences, isAmong } from '../../config/differences.js';
import { overriddenConfig, parseConfigText } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';

/** Where the images are, what computes, and which of the stored parameters; all else was decided when it was trained. */
const settableKeys: readonly string[] = [
  'data.dir',
  'data.builtin',
  'data.features',
  'data.gridPrecision',
  'engine',
  'train.workers',
  'validate.parameters',
];

/**
 * With `validate.parameters` auto unless an override says otherwise: each checkpoint of an ensemble goes by its own.
 *
 * @throws UserError naming an override that cannot apply to a stored model
 */
export function captioningConfig({ path, state }: Checkpoint, sets: readonly string[]): Config {
  const config = parseConfigText(JSON.stringify(state.config), path);
  const recorded: Config = { ...config, validate: { ...config.validate, parameters: 'auto' } };
  const wanted = overriddenConfig(recorded, sets);
  const stranger = differences(recorded, wanted).find(({ key }) => !isAmong(key, settableKeys));
  if (stranger === undefined) return wanted;
  throw new UserError(
    `--set ${stranger.text}: a stored model stays what it was trained as. Only these may be set: ` +
      `${settableKeys.join(', ')}.`,
  );
}
