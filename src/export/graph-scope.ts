/** A graph of ONNX operators under construction. What its outputs do not need is left out of it in the end. */
import type { Named } from '../tensor/matrix.js';
import {
  type Attribute,
  type ElementType,
  type EncodedInitializer,
  type EncodedNode,
  type Initializer,
  isGraph,
  type OnnxGraph,
  type OnnxNode,
  ownDialect,
  type Port,
} from './onnx-encoding.js';

/** The first that has the operators which graphs are made of, with the attributes and inputs that they are given. */
export const leastOperatorSet = 11;
/** The first in which reductions read their axes. */
const axesAsInput = 18;

/** What all parts of a graph share. */
class Shared {
  readonly initializers = new Map<string, Initializer | EncodedInitializer>();
  /** Names of constants by their contents. */
  readonly constants = new Map<string, string>();
  private readonly names = new Set<string>();

  constructor(readonly operatorSet: number) {}

  /** @returns the name, or one like it that is not taken */
  claim(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.names.has(name); i++) name = `${wanted}_${i}`;
    this.names.add(name);
    return name;
  }
}

/** A whole graph, or the body of a loop in it, which reads what is around it by name. */
export class GraphScope {
  private readonly nodes: (OnnxNode | EncodedNode)[] = [];
  private readonly inputs: Port[] = [];
  private readonly outputs: Port[] = [];

  private constructor(
    private readonly shared: Shared,
    private readonly isBody: boolean,
  ) {}

  /** @param operatorSet of the file, from `leastOperatorSet` on */
  static whole(operatorSet = ownDialect.operatorSet): GraphScope {
    return new GraphScope(new Shared(operatorSet), false);
  }

  body(): GraphScope {
    return new GraphScope(this.shared, true);
  }

  /** @returns the name of the tensor: that of the port, unless it is taken */
  input(port: Port): string {
    const name = this.shared.claim(port.name);
    this.inputs.push({ ...port, name });
    return name;
  }

  /** Gives a tensor out under the name of the port, unless it is taken. */
  output(port: Port, tensor: string): void {
    const name = this.shared.claim(port.name);
    this.nodes.push({ operator: 'Identity', inputs: [tensor], outputs: [name], attributes: {} });
    this.outputs.push({ ...port, name });
  }

  /** @returns the name of what it puts out */
  node(operator: string, inputs: readonly string[], attributes: Named<Attribute> = {}): string {
    return this.nodeOf(operator, inputs, 1, attributes)[0]!;
  }

  nodeOf(
    operator: string,
    inputs: readonly string[],
    outputCount: number,
    attributes: Named<Attribute> = {},
  ): readonly string[] {
    const outputs = Array.from({ length: outputCount }, () => this.shared.claim(operator));
    this.nodes.push({ operator, inputs, outputs, attributes });
    return outputs;
  }

  /** @returns the name of the tensor without these axes */
  reduction(operator: string, tensor: string, axes: readonly number[], keepdims: 0 | 1): string {
    if (this.shared.operatorSet < axesAsInput) return this.node(operator, [tensor], { axes, keepdims });
    return this.node(operator, [tensor, this.constant('int64', [axes.length], axes)], { keepdims });
  }

  /** Takes in the nodes and weights of another file, none of whose names is taken here. */
  takeIn(nodes: readonly EncodedNode[], initializers: readonly EncodedInitializer[]): void {
    this.nodes.push(...nodes);
    for (const initializer of initializers) this.shared.initializers.set(initializer.name, initializer);
  }

  parameter(name: string, shape: readonly number[], values: Float32Array): string {
    const claimed = this.shared.claim(name);
    this.shared.initializers.set(claimed, { name: claimed, type: 'float32', shape, bytes: bytesOf(values) });
    return claimed;
  }

  constant(type: ElementType, shape: readonly number[], values: readonly number[]): string {
    const key = `${type} (${shape}) ${values}`;
    const known = this.shared.constants.get(key);
    if (known !== undefined) return known;
    const name = this.shared.claim('constant');
    this.shared.initializers.set(name, { name, type, shape, bytes: bytesOf(arrayOf(type, values)) });
    this.shared.constants.set(key, name);
    return name;
  }

  build(): OnnxGraph {
    const { inputs, outputs } = this;
    const wanted = new Set(outputs.map(({ name }) => name));
    const nodes: (OnnxNode | EncodedNode)[] = [];
    for (const node of [...this.nodes].reverse()) {
      if (!node.outputs.some((name) => wanted.has(name))) continue;
      for (const name of readBy(node)) wanted.add(name);
      nodes.unshift(node);
    }
    const initializers = this.isBody ? [] : [...this.shared.initializers.values()];
    return { nodes, inputs, outputs, initializers: initializers.filter(({ name }) => wanted.has(name)) };
  }
}

/** The body of a loop may read anything around it. */
function readBy(node: OnnxNode | EncodedNode): string[] {
  const bodies = 'encoded' in node ? [] : Object.values(node.attributes).filter(isGraph);
  return [...node.inputs, ...bodies.flatMap(({ nodes }) => nodes.flatMap(readBy))];
}

function arrayOf(type: ElementType, values: readonly number[]): Float32Array | BigInt64Array | Uint8Array {
  switch (type) {
    case 'float32':
      return Float32Array.from(values);
    case 'int64':
      return BigInt64Array.from(values, BigInt);
    case 'bool':
      return Uint8Array.from(values);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
