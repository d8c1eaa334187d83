/** The engine on gpu.js: each program is one compiled plan, on a GPU by WebGPU, in WebAssembly, or in plain JavaScript. */
import { type Parameters, parameterViews } from '../../model/parameters.js';
import type { StepPlan } from '../../model/step-plan.js';
import { loadKernels } from '../cpu/kernels.js';
import { createUpdates } from '../cpu/updates.js';
import type { Engine, Executable, Matrix, Program, RunRequest, RunResult, SharedMemory, Tensors } from '../engine.js';
import { flatView } from '../shared-memory.js';
import { describeGpu, type GpuMode } from './description.js';
import { holdDevice } from './device.js';
import { GPU } from './gpu-js.js';
import { type GpuContext, TracedProgram } from './traced-program.js';

export type { GpuMode } from './description.js';

/** @throws UserError where the mode cannot run on this machine */
export async function createGpuEngine(mode: GpuMode, shared: SharedMemory): Promise<Engine> {
  if (shared.precision !== 'float32') throw new Error('the gpu engine computes in float32');
  const device = mode === 'webgpu' ? await holdDevice() : null;
  const context: GpuContext = {
    gpu: new GPU({ mode }),
    mode,
    guard: device ? (work) => device.guard(work) : (work) => work,
    layout: shared.parameterLayout,
  };
  const programs: GpuExecutable[] = [];
  return {
    description: describeGpu(mode, device?.adapter ?? null),
    planKind: 'padded',
    prepare: (program) => {
      const executable = new GpuExecutable(context, program, shared);
      programs.push(executable);
      return executable;
    },
    ...createUpdates(shared, loadKernels(shared.memory)),
    dispose: async () => {
      if (!device?.failed) {
        await Promise.all(programs.map((program) => program.dispose()));
        await context.gpu.destroy();
      }
      await device?.release();
    },
  };
}

/** A program and its traces, one for each shape of plan it meets: training has one shape, decoding one or two more. */
class GpuExecutable implements Executable {
  private readonly traces = new Map<string, TracedProgram>();
  private readonly parameters: Parameters<Float32Array>;
  private readonly slots: readonly Parameters<Float32Array>[];

  constructor(
    private readonly context: GpuContext,
    private readonly program: Program,
    shared: SharedMemory,
  ) {
    const views = (offset: number) => parameterViews(flatView(shared, offset) as Float32Array, shared.parameterLayout);
    this.parameters = views(shared.parameters);
    this.slots = shared.slots.map(views);
  }

  async run({ shard, plan, tensors }: RunRequest): Promise<RunResult> {
    const key = shapeKey(plan, tensors);
    let trace = this.traces.get(key);
    if (!trace) {
      trace = new TracedProgram(this.context, this.program, plan, tensors);
      this.traces.set(key, trace);
    }
    return trace.run(this.parameters, plan, tensors, this.slots[shard]!);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.traces.values()].map((trace) => trace.dispose()));
  }
}

function shapeKey(plan: StepPlan, tensors: Tensors<Matrix>): string {
  const given = Object.entries(tensors).map(([name, { rows, columns }]) => `${name} ${rows}x${columns}`);
  return [plan.rows, plan.steps, plan.tokens, plan.inputs, ...given].join();
}
