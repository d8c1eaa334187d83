/** A program for plans of one shape, as one gpu.js pipeline: traced and compiled at its first run. */
import type { IPipelineRunShortcut } from 'gpu.js';
import { TrainingError } from '../../errors.js';
import { type DropoutMask, fillDropoutMask } from '../../tensor/dropout-mask.js';
import { type Layout, trainedPlaces } from '../../tensor/layout.js';
import type { Matrix, Named, NumberArray, Shape } from '../../tensor/matrix.js';
import type { ProgramSpec } from '../../tensor/model-spec.js';
import type { StepPlan } from '../../tensor/step-plan.js';
import type { RunRequest, RunResult } from '../engine.js';
import type { GpuMode } from './description.js';
import { copyRows, type Gpu, matrixArgument } from './gpu-js.js';
import { GpuOps } from './gpu-ops.js';
import { type GpuTensor, Graph } from './graph.js';
import { createPipeline } from './pipeline.js';
import { isPlanInput, planInputs } from './plan-inputs.js';

/** How gpu.js must run a whole plan in each mode; see "Reading what actually executed" in its README. */
const executorOf: Record<GpuMode, string> = { webgpu: 'fused-encoder', webasm: 'fused-sync', cpu: 'generic' };

/** What all programs of an engine share. */
export interface GpuContext {
  readonly gpu: Gpu;
  readonly mode: GpuMode;
  /** Waits for a pipeline; on webgpu, rejects when the device fails. */
  readonly guard: <R>(work: Promise<R>) => Promise<R>;
  readonly layout: Layout;
}

export class TracedProgram {
  private readonly inputs: readonly GpuTensor[];
  private readonly results: ReadonlyMap<string, GpuTensor>;
  private readonly pipeline: IPipelineRunShortcut;

  private readonly withoutGradient: readonly string[];
  private readonly masks: ReadonlyMap<string, DropoutMask>;

  /** @param plan and `inputs` give their shapes; each run brings its own values */
  constructor(
    private readonly context: GpuContext,
    program: ProgramSpec,
    plan: StepPlan,
    inputs: Named<Matrix>,
  ) {
    const graph = new Graph();
    const { places } = context.layout;
    const parameters = places.map(({ name, rows, columns }) => [name, graph.input(name, rows, columns)]);
    const given = Object.entries(inputs).map(([name, { rows, columns }]) => [
      name,
      graph.input(inputPrefix + name, rows, columns),
    ]);
    const ops = new GpuOps(graph, plan, plan.weights !== null);
    const { loss, gradients, tensors } = program.run(
      ops,
      Object.fromEntries(parameters) as Named<GpuTensor>,
      Object.fromEntries(given) as Named<GpuTensor>,
    );
    this.masks = ops.masks;
    const results = new Map<string, GpuTensor>();
    if (loss) results.set('loss', loss);
    for (const [name, tensor] of Object.entries(gradients ?? {})) results.set(gradientPrefix + name, tensor);
    for (const [name, tensor] of Object.entries(tensors ?? {})) results.set(tensorPrefix + name, tensor);
    this.results = results;
    const trained = gradients ? trainedPlaces(context.layout).map(({ name }) => name) : [];
    this.withoutGradient = trained.filter((name) => !gradients?.[name]);

    const needed = graph.needed([...results.values()]);
    this.inputs = needed.filter((tensor) => typeof tensor.source === 'string');
    this.pipeline = createPipeline(context.gpu, context.mode, needed, this.inputs, results);
  }

  /** `slot` receives the gradients, if the program has any. */
  async run(
    parameters: Named<Float32Array>,
    { plan, inputs, draws }: Omit<RunRequest, 'shard'>,
    slot: Named<Float32Array>,
  ): Promise<RunResult> {
    const fromPlan = planInputs(plan);
    const valuesOf = (name: string, { rows, columns }: Shape): NumberArray => {
      if (isPlanInput(name)) return fromPlan[name](rows);
      const mask = this.masks.get(name);
      if (mask) {
        if (!draws) throw new Error(`a run without random numbers asks for the mask of ${mask.place}`);
        const values = new Float32Array(rows * columns);
        fillDropoutMask(values, mask, plan, draws);
        return values;
      }
      return parameters[name] ?? inputs[name.slice(inputPrefix.length)]!.data;
    };
    const values = this.inputs.map((tensor) => matrixArgument(valuesOf(tensor.source as string, tensor), tensor));
    const results = (await this.context.guard(this.pipeline(...values))) as Record<string, readonly Float32Array[]>;
    this.checkExecutor();

    for (const name of this.withoutGradient) slot[name]!.fill(0);
    const tensors: Record<string, Matrix> = {};
    let loss = 0;
    for (const [key, { rows, columns }] of this.results) {
      const result = results[key]!;
      if (key === 'loss') {
        for (const row of result) loss += row[0]!;
      } else if (key.startsWith(gradientPrefix)) {
        copyRows(result, columns, slot[key.slice(gradientPrefix.length)]!);
      } else {
        const data = new Float32Array(rows * columns);
        copyRows(result, columns, data);
        tensors[key.slice(tensorPrefix.length)] = { rows, columns, data };
      }
    }
    return { loss, tensors };
  }

  dispose(): Promise<void> {
    return this.pipeline.destroy();
  }

  /** gpu.js falls back to a slower executor without an error; what was asked for has to run, or nothing. */
  private checkExecutor(): void {
    const { mode } = this.context;
    const { executorKind, fallbackReason } = this.pipeline;
    if (executorKind === executorOf[mode]) return;
    throw new TrainingError(
      `gpu.js ran the ${mode} plan with its "${executorKind}" executor instead of "${executorOf[mode]}": ` +
        `${fallbackReason ?? 'it gave no reason'}.`,
    );
  }
}

// Keep apart what is named by the model in different roles.
const inputPrefix = 'input ';
const gradientPrefix = 'gradient of ';
const tensorPrefix = 'result ';
