/**
 * What a program does, written down before any gpu.js kernel is made: inputs, and calls of kernels on them. Knowing the
 * whole allows leaving out what no result needs, doing the same call only once, and uploading only the inputs in use.
 */
import type { Shape } from '../../tensor/matrix.js';
import type { KernelFunction } from './kernels.js';

/** A matrix that a program computes or is given. */
export interface GpuTensor extends Shape {
  /** Its name among the inputs, or the call that makes it. */
  readonly source: string | KernelCall;
}

export interface KernelCall {
  readonly kernel: KernelFunction;
  readonly constants: Readonly<Record<string, number>>;
  readonly operands: readonly (GpuTensor | number)[];
}

export class Graph {
  private readonly inputs = new Map<string, GpuTensor>();
  private readonly calls = new Map<string, GpuTensor>();
  private readonly ids = new Map<GpuTensor, number>();

  input(name: string, rows: number, columns: number): GpuTensor {
    const known = this.inputs.get(name);
    if (known) return known;
    const tensor = this.number({ rows, columns, source: name });
    this.inputs.set(name, tensor);
    return tensor;
  }

  /** The (rows,columns) result of a kernel; the same call twice gives the same tensor. */
  call(
    kernel: KernelFunction,
    [rows, columns]: readonly [rows: number, columns: number],
    operands: KernelCall['operands'],
    constants: KernelCall['constants'] = {},
  ): GpuTensor {
    const tensor: GpuTensor = { rows, columns, source: { kernel, constants, operands } };
    const names = operands.map((operand) => (typeof operand === 'number' ? `=${operand}` : this.ids.get(operand)));
    const key = `${kernelKey(tensor)}(${names.join()})`;
    const known = this.calls.get(key);
    if (known) return known;
    this.calls.set(key, this.number(tensor));
    return tensor;
  }

  /** The tensors that `results` depend on, themselves included, each after those it is made of. */
  needed(results: readonly GpuTensor[]): GpuTensor[] {
    const needed = new Set<GpuTensor>();
    const open = [...results];
    for (let tensor = open.pop(); tensor; tensor = open.pop()) {
      if (needed.has(tensor)) continue;
      needed.add(tensor);
      if (typeof tensor.source === 'string') continue;
      for (const operand of tensor.source.operands) if (typeof operand !== 'number') open.push(operand);
    }
    return [...this.ids.keys()].filter((tensor) => needed.has(tensor));
  }

  private number(tensor: GpuTensor): GpuTensor {
    this.ids.set(tensor, this.ids.size);
    return tensor;
  }
}

/** Calls with the same key can share one gpu.js kernel. */
export function kernelKey({ rows, columns, source }: GpuTensor): string {
  if (typeof source === 'string') return source;
  return `${source.kernel.name}/${rows}x${columns}/${JSON.stringify(source.constants)}`;
}
