/**
 * What an ONNX file says of its graph, and how any tensor of it becomes an output: onnxruntime returns outputs alone, and
 * the grid before the pooling of a classifier is none.
 */
import { UserError } from '../errors.js';
import { fieldsOf, lengthField, NotProtobufError } from '../files/protobuf.js';
import {
  dimensionProto,
  externalData,
  graphProto,
  modelProto,
  nodeProto,
  shapeProto,
  tensorProto,
  tensorType,
  typeProto,
  valueInfoProto,
} from './onnx-fields.js';

export interface GraphInput {
  readonly name: string;
  /** null where a dimension is free. */
  readonly shape: readonly (number | null)[];
}

export interface OnnxGraph {
  /** Without weights, which older files list too. */
  readonly inputs: readonly GraphInput[];
  readonly outputs: readonly string[];
  /** Everything that a node puts out, in the order of the nodes. */
  readonly tensors: readonly string[];
  /** Weights lie in other files. */
  readonly hasExternalWeights: boolean;
}

/** @throws UserError when the file is no ONNX model */
export function readGraph(path: string, model: Uint8Array): OnnxGraph {
  try {
    const graphs = messages(model, modelProto.graph);
    if (graphs.length === 0) throw new NotProtobufError();
    return graphOf(graphs);
  } catch (error) {
    if (!(error instanceof NotProtobufError)) throw error;
    throw new UserError(`${path}: not an ONNX model, or damaged. Export the network as ONNX, or fetch the file again.`);
  }
}

/** @param parts of one graph, which are one behind the other to every reader */
function graphOf(parts: readonly Uint8Array[]): OnnxGraph {
  const weights = new Set<string>();
  const inputs: GraphInput[] = [];
  const outputs: string[] = [];
  const tensors: string[] = [];
  let hasExternalWeights = false;
  for (const { number, bytes } of parts.flatMap((part) => [...fieldsOf(part)])) {
    if (bytes === null) continue;
    if (number === graphProto.node) tensors.push(...messages(bytes, nodeProto.output).map(textOf));
    else if (number === graphProto.input) inputs.push({ name: nameOf(bytes), shape: shapeOf(bytes) });
    else if (number === graphProto.output) outputs.push(nameOf(bytes));
    else if (number === graphProto.initializer) {
      for (const field of fieldsOf(bytes)) {
        if (field.number === tensorProto.name && field.bytes) weights.add(textOf(field.bytes));
        if (field.number === tensorProto.dataLocation && field.value === externalData) hasExternalWeights = true;
      }
    }
  }
  const named = (names: string[]) => names.filter((name) => name !== '');
  return {
    inputs: inputs.filter(({ name }) => !weights.has(name)),
    outputs: named(outputs),
    tensors: named(tensors),
    hasExternalWeights,
  };
}

/**
 * The model with more outputs. A message that stands twice is merged by every reader of protocol buffers, so a second
 * `graph` with the outputs alone, at the file's end, adds them.
 */
export function withOutputs(model: Uint8Array, names: readonly string[]): Uint8Array {
  if (names.length === 0) return model;
  const outputs = names.map((name) =>
    lengthField(graphProto.output, lengthField(valueInfoProto.name, Buffer.from(name))),
  );
  return Buffer.concat([model, lengthField(modelProto.graph, Buffer.concat(outputs))]);
}

function messages(message: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const { number, bytes } of fieldsOf(message)) if (number === wanted && bytes) found.push(bytes);
  return found;
}

function nameOf(valueInfo: Uint8Array): string {
  const [name] = messages(valueInfo, valueInfoProto.name);
  return name ? textOf(name) : '';
}

function shapeOf(valueInfo: Uint8Array): (number | null)[] {
  const inside = (message: Uint8Array | undefined, field: number) => message && messages(message, field)[0];
  const type = inside(valueInfo, valueInfoProto.type);
  const shape = inside(inside(type, typeProto.tensor), tensorType.shape);
  return shape === undefined ? [] : messages(shape, shapeProto.dimension).map(dimensionOf);
}

function dimensionOf(dimension: Uint8Array): number | null {
  for (const { number, value } of fieldsOf(dimension)) if (number === dimensionProto.value && value > 0) return value;
  return null;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
