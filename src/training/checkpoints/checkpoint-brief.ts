/** How far a checkpoint had come, read in less than a millisecond and unverified: for lists of many runs. */
import { UserError } from '../../errors.js';
import { readSafetensorsMetadata } from '../../files/safetensors.js';
import { stateInThisFormat } from './older-formats.js';

export interface CheckpointBrief {
  readonly runId: string;
  readonly step: number;
  readonly validatedEpoch: number;
  readonly bestValidation: number | null;
  readonly bestStep: number | null;
  /** Validations in a row that early stopping found no better. */
  readonly waited: number;
  /** Captions of the validation split, and the steps of an epoch; null where an older version wrote it. */
  readonly validationCaptions: number | null;
  readonly stepsPerEpoch: number | null;
  /** The resolved config, unchecked. */
  readonly config: unknown;
}

/** @throws UserError naming the file and its fault */
export function readCheckpointBrief(path: string): CheckpointBrief {
  const state = stateInThisFormat(path, readSafetensorsMetadata(path));
  const { runId, config } = state;
  if (typeof runId !== 'string') throw new UserError(`${path} has an unfit training state: runId: expected text.`);
  const number = (value: unknown, name: string): number => {
    if (typeof value === 'number') return value;
    throw new UserError(`${path} has an unfit training state: ${name}: expected a number.`);
  };
  const orNull = (value: unknown, name: string) => (value == null ? null : number(value, name));
  const inside = (value: unknown) => (value ?? {}) as Readonly<Record<string, unknown>>;
  return {
    runId,
    config,
    step: number(state.step, 'step'),
    validatedEpoch: number(state.validatedEpoch, 'validatedEpoch'),
    bestValidation: orNull(state.bestValidation, 'bestValidation'),
    bestStep: orNull(state.bestStep, 'bestStep'),
    waited: number(inside(state.earlyStopping).waited, 'earlyStopping.waited'),
    validationCaptions: orNull(inside(state.captions).validation, 'captions.validation'),
    stepsPerEpoch: orNull(state.stepsPerEpoch, 'stepsPerEpoch'),
  };
}
