/** Checkpoints: what is in one, how it is read, and how it goes back into the memory that the workers share. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { NumberArray, SharedMemory } from '../engine/engine.js';
import { bytesOf, flatView } from '../engine/shared-memory.js';
import { UserError } from '../errors.js';
import { readSafetensors, readSafetensorsMetadata, type SafetensorsFile, type Tensor } from '../files/safetensors.js';
import { quote } from '../files/safetensors-header.js';
import { type ParameterName, parameterNames, parameterShapes } from '../model/parameters.js';
import { digestPlace, headerStart, metadataKeys, momentPrefixes, stepOfName, zeroDigest } from './checkpoint-format.js';
import { type CheckpointState, readState } from './checkpoint-state.js';

export interface ParameterTensor {
  readonly shape: readonly number[];
  readonly data: NumberArray;
}

export type ParameterTensors = ReadonlyMap<ParameterName, ParameterTensor>;

export interface Checkpoint {
  readonly path: string;
  readonly state: CheckpointState;
  readonly parameters: ParameterTensors;
  /** Adam's running mean of the gradient. */
  readonly m: ParameterTensors;
  /** Adam's running mean of the squared gradient. */
  readonly v: ParameterTensors;
}

/**
 * Reads a checkpoint and verifies its checksum and that it holds exactly the tensors of its model.
 *
 * @throws UserError naming the file and its fault
 */
export function readCheckpoint(path: string): Checkpoint {
  const file = readSafetensors(path);
  verifyDigest(path, file);
  const state = readState(path, file.metadata);
  const expected = 3 * parameterNames.length;
  if (file.tensors.size !== expected) {
    throw new UserError(`${path} holds ${file.tensors.size} tensors, a checkpoint has ${expected}.`);
  }
  const shapes = parameterShapes(state.model);
  const group = (prefix: string): ParameterTensors =>
    new Map(parameterNames.map((name) => [name, pick(path, file.tensors, prefix + name, shapes[name])]));
  return { path, state, parameters: group(''), m: group(momentPrefixes.m), v: group(momentPrefixes.v) };
}

/**
 * Reads what a checkpoint says of itself, without its numbers and so without verifying the checksum.
 *
 * @throws UserError naming the file and its fault
 */
export function readCheckpointState(path: string): CheckpointState {
  return readState(path, readSafetensorsMetadata(path));
}

/** Steps of the checkpoints in a folder by their names, ascending; none if there is no such folder. */
export function checkpointSteps(folder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new UserError(`${folder} cannot be listed: ${(error as Error).message}`);
  }
  return names
    .map(stepOfName)
    .filter((step) => step !== null)
    .sort((a, b) => a - b);
}

/**
 * Reads the parameters that a model starts from: a safetensors file of float32 or float64 tensors under their CS231n
 * names, or a checkpoint, whose state and moments are then left aside.
 *
 * @param shapes the shape of every parameter the model has
 * @throws UserError naming the tensor that is missing, too many, of another shape or type, or not finite
 */
export function readInitialParameters(
  path: string,
  shapes: Readonly<Record<string, readonly number[]>>,
): Map<string, NumberArray> {
  const file = readSafetensors(path);
  const isCheckpoint = Object.hasOwn(file.metadata, metadataKeys.digest);
  if (isCheckpoint) verifyDigest(path, file);
  for (const name of file.tensors.keys()) {
    const isMoment = Object.values(momentPrefixes).some((prefix) => name.startsWith(prefix));
    if (!Object.hasOwn(shapes, name) && !(isCheckpoint && isMoment)) {
      throw new UserError(
        `${path} holds the tensor ${quote(name)}, which this model does not have: expected ${Object.keys(shapes).join(', ')}.`,
      );
    }
  }
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const { data } = pick(path, file.tensors, name, shape);
      const at = data.findIndex((value) => !Number.isFinite(value));
      if (at !== -1) throw new UserError(`${path}: element ${at} of ${name} is ${data[at]}, expected a finite number.`);
      return [name, data];
    }),
  );
}

/** Copies parameters into shared memory, converting their precision if it differs. */
export function restoreParameters(memory: SharedMemory, parameters: ParameterTensors): void {
  restore(memory, memory.parameters, parameters);
}

/**
 * Copies parameters and both moments into shared memory, to the bit.
 *
 * @throws UserError when the checkpoint has another precision or shape
 */
export function restoreCheckpoint(memory: SharedMemory, checkpoint: Checkpoint): void {
  for (const tensors of [checkpoint.parameters, checkpoint.m, checkpoint.v]) {
    for (const [name, { data }] of tensors) {
      if (data.BYTES_PER_ELEMENT !== bytesOf(memory.precision)) {
        throw new UserError(
          `${checkpoint.path} holds ${name} in ${8 * data.BYTES_PER_ELEMENT} bits, this engine computes in ` +
            `${memory.precision}. Resume with the engine that wrote it.`,
        );
      }
    }
  }
  restore(memory, memory.parameters, checkpoint.parameters);
  restore(memory, memory.m, checkpoint.m);
  restore(memory, memory.v, checkpoint.v);
}

function restore(memory: SharedMemory, offset: number, tensors: ParameterTensors): void {
  const flat = flatView(memory, offset);
  for (const place of memory.parameterLayout.places) {
    const tensor = tensors.get(place.name);
    if (!tensor || !sameShape(tensor.shape, place.shape)) {
      throw new UserError(
        `The stored ${place.name} has shape [${tensor?.shape.join(', ') ?? ''}], this model needs [${place.shape.join(', ')}].`,
      );
    }
    flat.set(tensor.data, place.offset);
  }
}

/**
 * The digest covers the whole file with zeros in the digest's own place, so that no byte can change unnoticed.
 */
function verifyDigest(path: string, { header, data }: SafetensorsFile): void {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.length);
  const end = digestPlace + zeroDigest.length;
  if (bytes.toString('latin1', 8, digestPlace) !== headerStart || bytes.length < end) {
    throw new UserError(`${path} is not a checkpoint of recap: it does not begin with recap's checksum.`);
  }
  const digest = createHash('sha256')
    .update(bytes.subarray(0, digestPlace))
    .update(zeroDigest)
    .update(bytes.subarray(end))
    .update(data)
    .digest('hex');
  if (bytes.toString('latin1', digestPlace, end) !== digest) {
    throw new UserError(`${path} is damaged: its contents do not match its checksum.`);
  }
}

/** The named tensor, which must be of floating point and have this shape. */
function pick(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  name: string,
  shape: readonly number[],
): ParameterTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new UserError(`${path} lacks the tensor ${name} of shape [${shape.join(', ')}].`);
  const { data } = tensor;
  if (!(data instanceof Float32Array || data instanceof Float64Array)) {
    throw new UserError(`${path} holds ${name} as ${tensor.dtype}, expected F32 or F64.`);
  }
  if (!sameShape(tensor.shape, shape)) {
    throw new UserError(
      `${path} holds ${name} with shape [${tensor.shape.join(', ')}], this model needs [${shape.join(', ')}].`,
    );
  }
  return { shape, data };
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/**
 * The newest checkpoint of a run that is whole, going back over those that are not.
 *
 * @param folder the run's `checkpoints` folder
 * @param runId refuses the checkpoints of any other run
 * @param onBad told of every newer file that was passed over, and why
 * @returns null where there is none
 */
export function newestWholeCheckpoint(
  folder: string,
  runId: string,
  onBad: (path: string, why: string) => void,
): Checkpoint | null {
  for (const step of checkpointSteps(folder).reverse()) {
    const path = join(folder, `step-${step}.safetensors`);
    try {
      const checkpoint = readCheckpoint(path);
      if (checkpoint.state.runId !== runId) throw new UserError(`${path} was written by another run.`);
      if (checkpoint.state.step !== step) {
        throw new UserError(`${path} holds step ${checkpoint.state.step}, unlike its name ${basename(path)}.`);
      }
      return checkpoint;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      onBad(path, error.message);
    }
  }
  return null;
}

export type { CheckpointState } from './checkpoint-state.js';
