/** The graph of another ONNX file, in parts that another graph takes in: its nodes and weights under names of their own. */
import { UserError } from '../errors.js';
import type { NetworkFile } from '../features/network.js';
import {
  attributeProto,
  graphProto,
  modelProto,
  nodeProto,
  operatorSetId,
  sparseTensorProto,
  tensorProto,
  valueInfoProto,
} from '../features/onnx-fields.js';
import { type Field, fieldsOf, lengthField } from '../files/protobuf.js';
import { leastOperatorSet } from './graph-scope.js';
import { type Dialect, type EncodedInitializer, type EncodedNode, ownDialect } from './onnx-encoding.js';

export interface NetworkParts {
  readonly dialect: Dialect;
  readonly nodes: readonly EncodedNode[];
  readonly initializers: readonly EncodedInitializer[];
}

/** From the name of a tensor to its new one. */
type Renaming = (name: string) => string;

/**
 * @param renamed the new names of tensors, none of which the graph that takes the parts in has itself
 * @throws UserError when its operators are older than those of captioners
 */
export function networkParts({ path, bytes }: NetworkFile, renamed: Renaming): NetworkParts {
  const model = [...fieldsOf(bytes)];
  const nodes: EncodedNode[] = [];
  const initializers: EncodedInitializer[] = [];
  for (const { number, bytes: graph } of model) {
    if (number !== modelProto.graph || graph === null) continue;
    for (const field of fieldsOf(graph)) {
      if (field.bytes === null) continue;
      if (field.number === graphProto.node) nodes.push(renamedNode(field.bytes, renamed));
      else if (field.number === graphProto.initializer || field.number === graphProto.sparseInitializer) {
        initializers.push(renamedInitializer(field.number, field.bytes, renamed));
      }
    }
  }
  return { dialect: dialectOf(path, model), nodes, initializers };
}

function dialectOf(path: string, model: readonly Field[]): Dialect {
  let { operatorSet, irVersion } = ownDialect;
  const more: Uint8Array[] = [];
  for (const { number, bytes, value, whole } of model) {
    if (number === modelProto.irVersion) irVersion = Math.max(irVersion, value);
    if (number === modelProto.functions) more.push(whole);
    if (number !== modelProto.opsetImport || bytes === null) continue;
    const set = [...fieldsOf(bytes)];
    const domain = set.find((field) => field.number === operatorSetId.domain)?.bytes ?? new Uint8Array();
    if (!['', 'ai.onnx'].includes(textOf(domain))) more.push(whole);
    else operatorSet = set.find((field) => field.number === operatorSetId.version)?.value ?? operatorSet;
  }
  if (operatorSet >= leastOperatorSet) return { operatorSet, irVersion, more };
  throw new UserError(
    `${path} is written in ONNX operator set ${operatorSet}, and a captioner is joined to networks of ` +
      `${leastOperatorSet} or later. Export it anew, or convert it by onnx.version_converter.convert_version(model, 17).`,
  );
}

function renamedNode(node: Uint8Array, renamed: Renaming): EncodedNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const encoded = rewritten(node, ({ number, bytes, whole }) => {
    switch (number) {
      case nodeProto.input:
      case nodeProto.output:
        (number === nodeProto.input ? inputs : outputs).push(newName(bytes!, renamed));
        return renamedText(number, bytes!, renamed);
      case nodeProto.attribute:
        return lengthField(number, renamedAttribute(bytes!, renamed, inputs));
      default:
        return whole;
    }
  });
  return { inputs: inputs.filter((name) => name !== ''), outputs: outputs.filter((name) => name !== ''), encoded };
}

/** @param inputs to which all that bodies read is added */
function renamedAttribute(attribute: Uint8Array, renamed: Renaming, inputs: string[]): Uint8Array {
  return rewritten(attribute, ({ number, bytes, whole }) =>
    number === attributeProto.graph || number === attributeProto.graphs
      ? lengthField(number, renamedBody(bytes!, renamed, inputs))
      : whole,
  );
}

function renamedBody(graph: Uint8Array, renamed: Renaming, inputs: string[]): Uint8Array {
  return rewritten(graph, ({ number, bytes, whole }) => {
    switch (number) {
      case graphProto.node: {
        const node = renamedNode(bytes!, renamed);
        inputs.push(...node.inputs);
        return lengthField(number, node.encoded);
      }
      case graphProto.initializer:
      case graphProto.sparseInitializer:
        return renamedInitializer(number, bytes!, renamed).field;
      case graphProto.input:
      case graphProto.output:
        return lengthField(number, renamedField(bytes!, valueInfoProto.name, renamed));
      // They say of tensors by their names what need not be said.
      case graphProto.valueInfo:
      case graphProto.quantizationAnnotation:
        return new Uint8Array();
      default:
        return whole;
    }
  });
}

function renamedInitializer(number: number, tensor: Uint8Array, renamed: Renaming): EncodedInitializer {
  let name = '';
  const ofValues = (values: Uint8Array) => {
    for (const field of fieldsOf(values)) if (field.number === tensorProto.name) name = newName(field.bytes!, renamed);
    return renamedField(values, tensorProto.name, renamed);
  };
  const encoded =
    number === graphProto.initializer
      ? ofValues(tensor)
      : rewritten(tensor, ({ number: part, bytes, whole }) =>
          part === sparseTensorProto.values ? lengthField(part, ofValues(bytes!)) : whole,
        );
  return { name, field: lengthField(number, encoded) };
}

/** The message with one of its texts, a name, renamed. */
function renamedField(message: Uint8Array, wanted: number, renamed: Renaming): Uint8Array {
  return rewritten(message, ({ number, bytes, whole }) =>
    number === wanted ? renamedText(number, bytes!, renamed) : whole,
  );
}

function rewritten(message: Uint8Array, change: (field: Field) => Uint8Array): Uint8Array {
  return Buffer.concat([...fieldsOf(message)].map(change));
}

function renamedText(number: number, name: Uint8Array, renamed: Renaming): Uint8Array {
  return lengthField(number, Buffer.from(newName(name, renamed)));
}

/** What is left out has the empty name. */
function newName(name: Uint8Array, renamed: Renaming): string {
  return name.length === 0 ? '' : renamed(textOf(name));
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
