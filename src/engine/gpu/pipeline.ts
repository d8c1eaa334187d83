/** Makes one gpu.js pipeline of the kernel calls of a graph. */
import type { IPipelineRunShortcut } from 'gpu.js';
import type { GpuMode } from './description.js';
import type { Gpu } from './gpu-js.js';
import { type GpuTensor, kernelKey } from './graph.js';
import { kernelFunctions } from './kernels.js';

type Handle = unknown;
type KernelCaller = (...operands: unknown[]) => Handle;

/**
 * @param needed inputs and calls, each after those it is made of
 * @param inputs the pipeline's arguments, in order
 * @param results what the pipeline returns, under these names
 */
export function createPipeline(
  gpu: Gpu,
  mode: GpuMode,
  needed: readonly GpuTensor[],
  inputs: readonly GpuTensor[],
  results: ReadonlyMap<string, GpuTensor>,
): IPipelineRunShortcut {
  const kernels = new Map<string, KernelCaller>();
  const kernelOf = (tensor: GpuTensor): KernelCaller => {
    const key = kernelKey(tensor);
    const kernel = kernels.get(key) ?? createKernel(gpu, mode, tensor);
    kernels.set(key, kernel);
    return kernel;
  };
  const trace = (...given: Handle[]): Record<string, Handle> => {
    const handles = new Map<GpuTensor, Handle>(inputs.map((tensor, i) => [tensor, given[i]]));
    for (const tensor of needed) {
      if (typeof tensor.source === 'string') continue;
      const operands = tensor.source.operands.map((operand) =>
        typeof operand === 'number' ? operand : handles.get(operand),
      );
      handles.set(tensor, kernelOf(tensor)(...operands));
    }
    return Object.fromEntries([...results].map(([name, tensor]) => [name, handles.get(tensor)]));
  };
  // gpu.js hands over as many arguments as the function declares.
  Object.defineProperty(trace, 'length', { value: inputs.length });
  return gpu.createPipeline(trace, { threads: false });
}

function createKernel(gpu: Gpu, mode: GpuMode, { rows, columns, source }: GpuTensor): KernelCaller {
  if (typeof source === 'string') throw new Error(`${source} is an input, not a call`);
  const { kernel, constants } = source;
  return gpu.createKernel(kernel, {
    output: [storedColumns(mode, columns), rows],
    constants: { ...constants },
    constantTypes: Object.fromEntries(Object.keys(constants).map((name) => [name, 'Integer'])),
    functions: kernelFunctions,
  }) as unknown as KernelCaller;
}

/**
 * gpu.js computes four columns at a time in WebAssembly only if the result is a multiple of four wide, and a third as
 * fast otherwise; so there it gets up to three more, whose values nobody reads.
 */
function storedColumns(mode: GpuMode, columns: number): number {
  return mode === 'webasm' ? Math.ceil(columns / 4) * 4 : columns;
}
