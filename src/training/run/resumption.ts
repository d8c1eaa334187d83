/** What may change between a run's stop and its resumption, of the config, of recap and of the engine, and the refusal of everything else. */
import { differences, isAmong } from '../../config/differences.js';
import { configOf } from '../../config/load.js';
import type { Config, PartialConfig } from '../../config/schema.js';
import { type ChosenEngine, type EngineChoice, haveSameBits } from '../../engine/select.js';
import { NewerVersionError, UserError } from '../../errors.js';
import { version } from '../../version.js';
import { arithmeticVersion } from '../checkpoints/arithmetic-version.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';

/**
 * Keys that a resumption may change: they touch how far and how the run goes on, not what a step computes. The data may
 * have moved; that it is the same data is checked by its checksum.
 */
const changeableKeys = [
  'data.dir',
  'train.epochs',
  'train.workers',
  'train.taskSeconds',
  'train.reduction',
  'train.rankSeconds',
  'train.onNonFinite',
  'checkpoint',
  'validate.everyEpochs',
  'validate.captions',
  'validate.scores.everyEpochs',
  'report',
] as const;

/** Those among them that a run's steps or its end depend on after all, and what depends on them. */
export function fixedKeys({ train }: Config): ReadonlyMap<string, string> {
  const { schedule, earlyStopping } = train;
  const fixed = new Map<string, string>();
  if ('steps' in schedule && schedule.steps === null) {
    fixed.set('train.epochs', `the schedule ${schedule.name} is as long as the run unless train.schedule.steps says`);
  }
  for (const key of ['validate.everyEpochs', 'validate.scores.everyEpochs']) {
    if (schedule.name === 'plateau') fixed.set(key, 'the schedule plateau goes by validations');
    if (earlyStopping.patience !== null) fixed.set(key, 'train.earlyStopping goes by validations');
  }
  return fixed;
}

/**
 * @param dir of the run, which may be one of several
 * @param recorded the config of the checkpoint, `wanted` what the run's config.yaml and --set say now
 * @returns the changed keys, `old → new`, for the user
 * @throws UserError naming the first key that may not change, with both values
 */
export function checkChanges(dir: string, recorded: unknown, wanted: Config): string[] {
  // Keys that the version which wrote it did not have stand there with their defaults, which are what it computed.
  const before = configOf(recorded as PartialConfig);
  const fixed = fixedKeys(before);
  return differences(before, wanted).map(({ key, text }) => {
    const reason = fixed.get(key);
    if (reason !== undefined) {
      throw new UserError(`The run in ${dir} cannot go on with another ${text}, since ${reason}. Start a new run.`);
    }
    if (isAmong(key, changeableKeys)) return text;
    const others = changeableKeys.filter((each) => !fixed.has(each));
    throw new UserError(
      `The run in ${dir} cannot go on with another ${text}. Only these may change: ${others.join(', ')}. ` +
        'Start a new run for the rest.',
    );
  });
}

/**
 * Whether this version of recap computes the bits that the checkpoint's did.
 *
 * @returns a warning where it does not, or null
 * @throws NewerVersionError where it cannot know, because the checkpoint comes from a later arithmetic
 */
export function checkArithmetic({ path, state }: Checkpoint): string | null {
  const [theirs, ours] = [state.arithmeticVersion, arithmeticVersion].map((each) => `arithmetic version ${each}`);
  if (state.arithmeticVersion > arithmeticVersion) {
    throw new NewerVersionError(
      `${path} was written by recap ${state.recapVersion} with ${theirs}; this is recap ${version} with ${ours}. ` +
        'Go on with the version that wrote it, or a newer one.',
    );
  }
  if (state.arithmeticVersion === arithmeticVersion) return null;
  return (
    `This run was computed by recap ${state.recapVersion} with ${theirs}, and goes on with recap ${version} with ` +
    `${ours}: its numbers may differ in the last digits from those of a run never stopped.`
  );
}

/**
 * Whether this engine computes the bits of the one that the checkpoint's run was computed by.
 *
 * @returns a warning where it does not, or null
 */
export function checkEngine({ state }: Checkpoint, { choice, description }: ChosenEngine): string | null {
  if (haveSameBits(state.engineChoice as EngineChoice, choice)) return null;
  return (
    `This run was computed by ${state.engine.detail}, and goes on with ${description.detail}: ` +
    'its numbers will differ in the last digits from those of a run never stopped.'
  );
}
