/** Graphs of ONNX operators as data, and as the bytes of a file. */
import {
  attributeProto,
  attributeType,
  dataType,
  dimensionProto,
  graphProto,
  modelProto,
  nodeProto,
  operatorSetId,
  shapeProto,
  stringEntry,
  tensorProto,
  tensorType,
  typeProto,
  valueInfoProto,
} from '../features/onnx-fields.js';
import { lengthField, messageField, textField, varintField } from '../files/protobuf.js';
import type { Named } from '../tensor/matrix.js';
import { version } from '../version.js';

export type ElementType = Exclude<keyof typeof dataType, 'float16'>;

/** A tensor that goes into a graph or comes out of it; a dimension that is a text is free and has that name. */
export interface Port {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

export interface Initializer {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A weight of another file, as its graph has it. */
export interface EncodedInitializer {
  readonly name: string;
  /** The field of a graph, with its number. */
  readonly field: Uint8Array;
}

/** A graph is the body of a loop. */
export type Attribute = number | readonly number[] | OnnxGraph;

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Named<Attribute>;
}

/** A node of another file, as its graph has it. */
export interface EncodedNode {
  /** All that it reads, in bodies inside it too. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The message. */
  readonly encoded: Uint8Array;
}

export interface OnnxGraph {
  /** Each behind those whose outputs it reads. */
  readonly nodes: readonly (OnnxNode | EncodedNode)[];
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly initializers: readonly (Initializer | EncodedInitializer)[];
}

/** What the nodes of a graph are read by. */
export interface Dialect {
  /** Of the operators that have no domain. */
  readonly operatorSet: number;
  readonly irVersion: number;
  /** Fields of a model, with their numbers: operator sets of other domains, and functions. */
  readonly more: readonly Uint8Array[];
}

export interface OnnxModel {
  readonly graph: OnnxGraph;
  readonly dialect: Dialect;
  /** For people. */
  readonly name: string;
  readonly description: string;
  /** For programs: texts by name. */
  readonly metadata: Named<string>;
}

export function isGraph(value: Attribute): value is OnnxGraph {
  return typeof value === 'object' && 'nodes' in value;
}

/** Runtimes from 2022 on have it. */
export const ownDialect: Dialect = { operatorSet: 17, irVersion: 8, more: [] };

export function encodedModel({ graph, dialect, name, description, metadata }: OnnxModel): Uint8Array {
  return Buffer.concat([
    varintField(modelProto.irVersion, dialect.irVersion),
    textField(modelProto.producerName, 'recap'),
    textField(modelProto.producerVersion, version),
    textField(modelProto.docString, description),
    lengthField(modelProto.opsetImport, varintField(operatorSetId.version, dialect.operatorSet)),
    ...dialect.more,
    ...Object.entries(metadata).map(([key, value]) =>
      messageField(modelProto.metadataProps, textField(stringEntry.key, key), textField(stringEntry.value, value)),
    ),
    lengthField(modelProto.graph, encodedGraph(graph, name)),
  ]);
}

function encodedGraph({ nodes, inputs, outputs, initializers }: OnnxGraph, name: string): Uint8Array {
  return Buffer.concat([
    ...nodes.map((node) => lengthField(graphProto.node, 'encoded' in node ? node.encoded : encodedNode(node))),
    textField(graphProto.name, name),
    ...initializers.map((tensor) =>
      'field' in tensor ? tensor.field : lengthField(graphProto.initializer, encodedTensor(tensor)),
    ),
    ...inputs.map((port) => lengthField(graphProto.input, encodedPort(port))),
    ...outputs.map((port) => lengthField(graphProto.output, encodedPort(port))),
  ]);
}

function encodedNode({ operator, inputs, outputs, attributes }: OnnxNode): Uint8Array {
  return Buffer.concat([
    ...inputs.map((input) => textField(nodeProto.input, input)),
    ...outputs.map((output) => textField(nodeProto.output, output)),
    textField(nodeProto.opType, operator),
    ...Object.entries(attributes).map(([name, value]) =>
      messageField(nodeProto.attribute, textField(attributeProto.name, name), ...attributeFields(name, value)),
    ),
  ]);
}

function attributeFields(name: string, value: Attribute): Uint8Array[] {
  const typed = (type: keyof typeof attributeType) => varintField(attributeProto.type, attributeType[type]);
  if (typeof value === 'number') return [varintField(attributeProto.integer, value), typed('integer')];
  if (isGraph(value)) return [lengthField(attributeProto.graph, encodedGraph(value, name)), typed('graph')];
  return [...value.map((each) => varintField(attributeProto.integers, each)), typed('integers')];
}

function encodedTensor({ name, type, shape, bytes }: Initializer): Uint8Array {
  return Buffer.concat([
    ...shape.map((size) => varintField(tensorProto.dims, size)),
    varintField(tensorProto.dataType, dataType[type]),
    textField(tensorProto.name, name),
    lengthField(tensorProto.rawData, bytes),
  ]);
}

function encodedPort({ name, type, shape }: Port): Uint8Array {
  const dimensions = shape.map((size) =>
    lengthField(
      shapeProto.dimension,
      typeof size === 'number' ? varintField(dimensionProto.value, size) : textField(dimensionProto.parameter, size),
    ),
  );
  const tensor = Buffer.concat([
    varintField(tensorType.elementType, dataType[type]),
    lengthField(tensorType.shape, Buffer.concat(dimensions)),
  ]);
  return Buffer.concat([
    textField(valueInfoProto.name, name),
    lengthField(valueInfoProto.type, lengthField(typeProto.tensor, tensor)),
  ]);
}
