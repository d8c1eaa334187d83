/** The engine on gpu.js: each program is one compiled plan, on a GPU by WebGPU, in WebAssembly, or in plain JavaScript. */
import { namedViews } from '../../tensor/layout.js';
import type { Matrix, Named } from '../../tensor/matrix.js';
import type { ProgramSpec } from '../../tensor/model-spec.js';
import type { StepPlan } from '../../tensor/step-plan.js';
import { loadKernels } from '../cpu/kernels.js';
import { createUpdates } from '../cpu/updates.js';
import type { Engine, Executable, ParameterValues, RunRequest, RunResult, SharedMemory } from '../engine.js';
import { keptParameters, parametersOf, trainedView } from '../shared-memory.js';
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
    layout: shared.layout,
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
  private readonly parameters: Partial<Record<ParameterValues, Named<Float32Array>>> = {};
  private readonly slots: readonly Named<Float32Array>[];

  constructor(
    private readonly context: GpuContext,
    private readonly program: ProgramSpec,
    shared: SharedMemory,
  ) {
    const { layout } = shared;
    for (const values of keptParameters(shared)) {
      this.parameters[values] = namedViews(parametersOf(shared, values) as Float32Array, layout);
    }
    this.slots = shared.slots.map((offset) => namedViews(trainedView(shared, offset) as Float32Array, layout));
  }

  async run({ shard, ...request }: RunRequest): Promise<RunResult> {
    const { plan, inputs, parameters = 'live' } = request;
    const key = shapeKey(plan, inputs);
    let trace = this.traces.get(key);
    if (!trace) {
      trace = new TracedProgram(this.context, this.program, plan, inputs);
      this.traces.set(key, trace);
    }
    return trace.run(this.parameters[parameters]!, request, this.slots[shard]!);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.traces.values()].map((trace) => trace.dispose()));
  }
}

function shapeKey({ rows, steps, tokens, inputs, weights }: StepPlan, given: Named<Matrix>): string {
  const shapes = Object.entries(given).map(([name, matrix]) => `${name} ${matrix.rows}x${matrix.columns}`);
  return [rows, steps, tokens, inputs, weights !== null, ...shapes].join();
}
