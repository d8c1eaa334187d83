/** A checkpoint: what is in one, how it is read, and how it goes back into the memory that the workers share. */
import { createHash } from 'node:crypto';
import type { ParameterValues, SharedMemory } from '../../engine/engine.js';
import { bytesOf, parametersOf, trainedView } from '../../engine/shared-memory.js';
import { UserError } from '../../errors.js';
import {
  readSafetensors,
  readSafetensorsMetadata,
  type SafetensorsFile,
  type Tensor,
} from '../../files/safetensors.js';
import { quote } from '../../files/safetensors-header.js';
import { type Layout, type TensorPlace, trainedPlaces } from '../../tensor/layout.js';
import type { Named, NumberArray } from '../../tensor/matrix.js';
import { stateOfRule, type UpdateRule } from '../../tensor/update-rules.js';
import { averagePrefix, digestPlace, headerStart, metadataKeys, statePrefix, zeroDigest } from './checkpoint-format.js';
import { type CheckpointState, readState } from './checkpoint-state.js';

export interface ParameterTensor {
  readonly shape: readonly number[];
  readonly data: NumberArray;
}

export type ParameterTensors = ReadonlyMap<string, ParameterTensor>;

export interface Checkpoint {
  readonly path: string;
  readonly state: CheckpointState;
  readonly parameters: ParameterTensors;
  /** The optimiser's arrays by name, `m` and `v` for Adam, for each trained parameter. */
  readonly states: Named<ParameterTensors>;
  /** The moving average of each trained parameter; empty where none was kept. */
  readonly averages: ParameterTensors;
}

/**
 * Reads a checkpoint and verifies its checksum. Whether it holds the tensors of its model, the model's family says; see
 * `restoreParameters`.
 *
 * @throws UserError naming the file and its fault
 */
export function readCheckpoint(path: string): Checkpoint {
  const file = readSafetensors(path, ({ header }) => recordedDigest(path, header));
  verifyDigest(path, file);
  const state = readState(path, file.metadata);
  const parameters = new Map<string, ParameterTensor>();
  const averages = new Map<string, ParameterTensor>();
  const states = Object.fromEntries(stateOfRule[state.rule].map((name) => [name, new Map<string, ParameterTensor>()]));
  const arrays: [prefix: string, tensors: Map<string, ParameterTensor>][] = [
    [averagePrefix, averages],
    ...Object.entries(states).map(([name, map]) => [statePrefix(state.rule, name), map] as [string, typeof map]),
    ['', parameters],
  ];
  for (const [name, tensor] of file.tensors) {
    const [prefix, tensors] = arrays.find(([each]) => name.startsWith(each))!;
    tensors.set(name.slice(prefix.length), floating(path, name, tensor));
  }
  return { path, state, parameters, states, averages };
}

/** Whether a tensor is not a parameter but goes with one, by its name. */
function isBesideParameters(rule: UpdateRule, name: string): boolean {
  const prefixes = [averagePrefix, ...stateOfRule[rule].map((state) => statePrefix(rule, state))];
  return prefixes.some((prefix) => name.startsWith(prefix));
}

/**
 * Reads what a checkpoint says of itself, without its numbers and so without verifying the checksum.
 *
 * @throws UserError naming the file and its fault
 */
export function readCheckpointState(path: string): CheckpointState {
  return readState(path, readSafetensorsMetadata(path));
}

/**
 * Reads the parameters that a model starts from: a safetensors file of float32 or float64 tensors under their CS231n
 * names, or a checkpoint, of which they are those that its run validates: the averages where it keeps some, unless its
 * config says live. The state and the optimiser's arrays are left aside.
 *
 * @param optional names that may be missing
 * @param checkState told what a checkpoint records, before its tensors are looked at, and throws where that does not fit
 * @throws UserError naming the tensor that is missing, too many, of another shape or type, or not finite
 */
export function readInitialParameters(
  path: string,
  { places }: Layout,
  optional: readonly string[] = [],
  checkState: (state: CheckpointState) => void = () => {},
): Map<string, NumberArray> {
  const read = { state: null as CheckpointState | null };
  const isOfModel = (name: string) => read.state === null || !isBesideParameters(read.state.rule, name);
  const check = (tensors: ReadonlyMap<string, Pick<ParameterTensor, 'shape'>>) => {
    const needed = places.filter(({ name }) => tensors.has(name) || !optional.includes(name));
    checkTensors(path, '', tensors, needed);
  };
  const file = readSafetensors(path, ({ metadata, places: found }) => {
    if (Object.hasOwn(metadata, metadataKeys.digest)) {
      read.state = readState(path, metadata);
      checkState(read.state);
    }
    check(new Map([...found].filter(([name]) => isOfModel(name))));
  });
  if (read.state !== null) verifyDigest(path, file);
  const { validate } = (read.state?.config ?? {}) as { readonly validate?: { readonly parameters?: string } };
  const parameters = new Map<string, ParameterTensor>();
  const averages = new Map<string, ParameterTensor>();
  for (const [name, tensor] of file.tensors) {
    if (isOfModel(name)) parameters.set(name, floating(path, name, tensor));
    else if (name.startsWith(averagePrefix) && validate?.parameters !== 'live') {
      averages.set(name.slice(averagePrefix.length), floating(path, name, tensor));
    }
  }
  for (const [name, average] of averages) parameters.set(name, average);
  check(parameters);
  checkFinite(path, '', parameters);
  return new Map([...parameters].map(([name, { data }]) => [name, data]));
}

/**
 * Copies parameters into shared memory, converting their precision if it differs.
 *
 * @param values of trained parameters, which may be taken from their moving average
 * @throws UserError when they are not those of the model or not finite, naming the first
 */
export function restoreParameters(
  memory: SharedMemory,
  { path, parameters, averages }: Checkpoint,
  values: ParameterValues = 'live',
): void {
  const { layout } = memory;
  checkTensors(path, '', parameters, layout.places);
  checkFinite(path, '', parameters);
  copyInto(parametersOf(memory), layout, parameters);
  if (values === 'live') return;
  if (averages.size === 0) {
    throw new UserError(`${path} holds no average of the parameters, since train.ema was off. Take the live ones.`);
  }
  checkTensors(path, averagePrefix, averages, trainedPlaces(layout));
  checkFinite(path, averagePrefix, averages);
  copyInto(parametersOf(memory), layout, averages);
}

/**
 * Copies parameters and the optimiser's arrays into shared memory, to the bit.
 *
 * @throws UserError when the checkpoint has another precision or is not that of the model
 */
export function restoreCheckpoint(memory: SharedMemory, checkpoint: Checkpoint): void {
  const { path, parameters, states, averages, state } = checkpoint;
  for (const [name, { data }] of parameters) {
    if (data.BYTES_PER_ELEMENT !== bytesOf(memory.precision)) {
      throw new UserError(
        `${path} holds ${name} in ${8 * data.BYTES_PER_ELEMENT} bits, this engine computes in ` +
          `${memory.precision}. Resume with the engine that wrote it.`,
      );
    }
  }
  for (const [name, tensors] of Object.entries(states)) {
    checkTensors(path, statePrefix(state.rule, name), tensors, trainedPlaces(memory.layout));
  }
  if (memory.average !== null) checkTensors(path, averagePrefix, averages, trainedPlaces(memory.layout));
  restoreParameters(memory, checkpoint);
  startAverage(memory);
  if (memory.average !== null) copyInto(trainedView(memory, memory.average), memory.layout, averages);
  for (const [name, offset] of Object.entries(memory.states)) {
    copyInto(trainedView(memory, offset), memory.layout, states[name]!);
  }
}

/** The moving average begins as the parameters; what is not trained stays so. */
export function startAverage(memory: SharedMemory): void {
  if (memory.average !== null) parametersOf(memory, 'ema').set(parametersOf(memory));
}

function copyInto(flat: NumberArray, { places }: Layout, tensors: ParameterTensors): void {
  for (const { name, offset } of places) {
    const tensor = tensors.get(name);
    if (tensor) flat.set(tensor.data, offset);
  }
}

/** @throws UserError unless the tensors are those of the places, no more and no fewer, of the same shapes */
function checkTensors(
  path: string,
  prefix: string,
  tensors: ReadonlyMap<string, Pick<ParameterTensor, 'shape'>>,
  places: readonly TensorPlace[],
): void {
  const names = new Set(places.map(({ name }) => name));
  for (const name of tensors.keys()) {
    if (names.has(name)) continue;
    throw new UserError(
      `${path} holds the tensor ${quote(prefix + name)}, which this model does not have: expected ` +
        `${[...names].join(', ')}.`,
    );
  }
  for (const { name, shape } of places) {
    const wanted = `[${shape.join(', ')}]`;
    const tensor = tensors.get(name);
    if (!tensor) throw new UserError(`${path} lacks the tensor ${prefix}${name} of shape ${wanted}.`);
    if (sameShape(tensor.shape, shape)) continue;
    throw new UserError(
      `${path} holds ${prefix}${name} with shape [${tensor.shape.join(', ')}], this model needs ${wanted}.`,
    );
  }
}

/** @throws UserError naming the first element that is NaN or infinite */
function checkFinite(path: string, prefix: string, tensors: ParameterTensors): void {
  for (const [name, { data }] of tensors) {
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at === -1) continue;
    throw new UserError(`${path}: element ${at} of ${prefix}${name} is ${data[at]}, expected a finite number.`);
  }
}

/** @throws UserError where the header does not begin with recap's checksum */
function recordedDigest(path: string, header: Uint8Array): string {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.length);
  const end = digestPlace + zeroDigest.length;
  if (bytes.toString('latin1', 8, digestPlace) !== headerStart || bytes.length < end) {
    throw new UserError(`${path} is not a checkpoint of recap: it does not begin with recap's checksum.`);
  }
  return bytes.toString('latin1', digestPlace, end);
}

/**
 * The digest covers the whole file with zeros in the digest's own place, so that no byte can change unnoticed.
 */
function verifyDigest(path: string, { header, data }: SafetensorsFile): void {
  const recorded = recordedDigest(path, header);
  const digest = createHash('sha256')
    .update(header.subarray(0, digestPlace))
    .update(zeroDigest)
    .update(header.subarray(digestPlace + zeroDigest.length))
    .update(data)
    .digest('hex');
  if (recorded !== digest) {
    throw new UserError(`${path} is damaged: its contents do not match its checksum.`);
  }
}

/** The tensor, which must be of floating point. */
function floating(path: string, name: string, { shape, data, dtype }: Tensor): ParameterTensor {
  if (data instanceof Float32Array || data instanceof Float64Array) return { shape, data };
  throw new UserError(`${path} holds ${name} as ${dtype}, expected F32 or F64.`);
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

export type { CheckpointState } from './checkpoint-state.js';
