/** The config by which a stored model captions images: its own, and what of it may be another. */
import { differences, isAmong } from '../../config/differences.js';
import { overriddenConfig, parseConfigText } from '../../config/load.js';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';

/** What computes, and by which of the stored parameters; all else was decided when it was trained. */
const keysOfPhotos: readonly string[] = ['data.gridPrecision', 'engine', 'train.workers', 'validate.parameters'];
/** And where the images are. */
const keysOfData: readonly string[] = ['data.dir', 'data.builtin', 'data.features', ...keysOfPhotos];

/**
 * With `validate.parameters` auto unless an override says otherwise: each checkpoint of an ensemble goes by its own.
 *
 * @param images of the data, or photos, for which nothing of the data is read
 * @throws UserError naming an override that cannot apply to a stored model, or that photos have no use for
 */
export function captioningConfig(
  { path, state }: Checkpoint,
  sets: readonly string[],
  images: 'data' | 'photos' = 'data',
): Config {
  const config = parseConfigText(JSON.stringify(state.config), path);
  const recorded: Config = { ...config, validate: { ...config.validate, parameters: 'auto' } };
  const wanted = overriddenConfig(recorded, sets);
  const settable = images === 'data' ? keysOfData : keysOfPhotos;
  const stranger = differences(recorded, wanted).find(({ key }) => !isAmong(key, settable));
  if (stranger === undefined) return wanted;
  const why = isAmong(stranger.key, keysOfData)
    ? 'photos are captioned, for which nothing of the data is read'
    : 'a stored model stays what it was trained as';
  throw new UserError(`--set ${stranger.text}: ${why}. Only these may be set: ${settable.join(', ')}.`);
}
