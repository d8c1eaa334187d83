/** The engine on gpu.js: each program is one compiled plan, on a GPU by WebGPU, in WebAssembly, or in plain JavaScript. */
import { parameterViews } from '../../model/parameters.js';
import { loadKernels } from '../cpu/kernels.js';
import { createUpdates, slotTableBytes } from '../cpu/updates.js';
import type { Engine, Executable, Matrix, Program, RunRequest, SharedMemory } from '../engine.js';
import { flatView } from '../shared-memory.js';
import { describeGpu, type GpuMode } from './description.js';
import { holdDevice } from './device.js';
import { GPU, type Gpu } from './gpu-js.js';
import { type Guard, TracedProgram } from './traced-program.js';

export type { GpuMode } from './description.js';

/** Bytes of a shard's arena in shared memory: gpu.js keeps memory of its own, so only what Adam asks for. */
export const gpuArenaBytes = slotTableBytes;

/** @throws UserError where the mode cannot run on this machine */
export async function createGpuEngine(mode: GpuMode, shared: SharedMemory): Promise<Engine> {
  if (shared.precision !== 'float32') throw new Error('the gpu engine computes in float32');
  const device = mode === 'webgpu' ? await holdDevice() : null;
  const gpu = new GPU({ mode });
  const programs: GpuExecutable[] = [];
  const guard: Guard = device ? (work) => device.guard(work) : (work) => work;
  return {
    description: describeGpu(mode, device?.adapter ?? null),
    planKind: 'padded',
    prepare: (program) => {
      const executable = new GpuExecutable(gpu, mode, guard, program, shared);
      programs.push(executable);
      return executable;
    },
    ...createUpdates(shared, loadKernels(shared.memory)),
    dispose: async () => {
      if (!device?.failed) {
        await Promise.all(programs.map((program) => program.dispose()));
        await gpu.destroy();
      }
      await device?.release();
    },
  };
}

/** A program and its traces, one for each shape of plan it meets: training has one shape, decoding one or two more. */
class GpuExecutable implements Executable {
  private readonly traces = new Map<string, TracedProgram>();
  private readonly parameters: Record<string, Float32Array>;

  constructor(
    private readonly gpu: Gpu,
    private readonly mode: GpuMode,
    private readonly guard: Guard,
    private readonly program: Program,
    private readonly shared: SharedMemory,
  ) {
    this.parameters = parameterViews(flatView(shared, shared.parameters) as Float32Array, shared.parameterLayout);
  }

  run({ shard, plan, tensors }: RunRequest) {
    const shapes = Object.entries(tensors as Record<string, Matrix>).map(
      ([name, m]) => `${name} ${m.rows}x${m.columns}`,
    );
    const key = `${plan.rows} ${plan.steps} ${plan.tokens} ${plan.inputs} ${shapes.join()}`;
    const layout = this.shared.parameterLayout;
    let trace = this.traces.get(key);
    if (!trace) {
      trace = new TracedProgram(this.gpu, this.mode, this.guard, this.program, layout, plan, tensors);
      this.traces.set(key, trace);
    }
    const slot = parameterViews(flatView(this.shared, this.shared.slots[shard]!) as Float32Array, layout);
    return trace.run(this.parameters as ReturnType<typeof parameterViews<Float32Array>>, plan, tensors, slot);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.traces.values()].map((trace) => trace.dispose()));
  }
}
