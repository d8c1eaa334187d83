/** A program for plans of one shape, as one gpu.js pipeline: traced and compiled at its first run. */
import type { IPipelineRunShortcut } from 'gpu.js';
import { TrainingError } from '../../errors.js';
import { type ParameterLayout, type ParameterName, type Parameters, parameterNames } from '../../model/parameters.js';
import type { StepPlan } from '../../model/step-plan.js';
import type { Matrix, NumberArray, Program, RunResult, TensorName, Tensors } from '../engine.js';
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
  readonly layout: ParameterLayout;
}

export class TracedProgram {
  private readonly inputs: readonly GpuTensor[];
  private readonly results: ReadonlyMap<string, GpuTensor>;
  private readonly pipeline: IPipelineRunShortcut;

  /** @param plan and `tensors` give their shapes; each run brings its own values */
  constructor(
    private readonly context: GpuContext,
    program: Program,
    plan: StepPlan,
    tensors: Tensors<Matrix>,
  ) {
    const graph = new Graph();
    const parameters = Object.fromEntries(
      context.layout.places.map(({ name, shape: [first, second] }) => [
        name,
        second === undefined ? graph.input(name, 1, first!) : graph.input(name, first!, second),
      ]),
    ) as Record<ParameterName, GpuTensor>;
    const given: Partial<Record<TensorName, GpuTensor>> = {};
    for (const [name, { rows, columns }] of entries(tensors)) given[name] = graph.input(name, rows, columns);

    const { loss, gradients, tensors: returned } = program(new GpuOps(graph, plan), parameters, given);
    const results = new Map<string, GpuTensor>();
    if (loss) results.set('loss', loss);
    if (gradients) for (const name of parameterNames) results.set(gradientKey(name), gradients[name]);
    for (const [name, tensor] of entries(returned ?? {})) results.set(name, tensor);
    this.results = results;

    const needed = graph.needed([...results.values()]);
    this.inputs = needed.filter((tensor) => typeof tensor.source === 'string');
    this.pipeline = createPipeline(context.gpu, context.mode, needed, this.inputs, results);
  }

  /** `slot` receives the gradients, if the program has any. */
  async run(
    parameters: Parameters<Float32Array>,
    plan: StepPlan,
    tensors: Tensors<Matrix>,
    slot: Parameters<Float32Array>,
  ): Promise<RunResult> {
    const fromPlan = planInputs(plan, this.vocabSize());
    const valuesOf = (name: string): NumberArray => {
      if (isPlanInput(name)) return fromPlan[name]();
      return parameters[name as ParameterName] ?? tensors[name as TensorName]!.data;
    };
    const values = this.inputs.map((tensor) => matrixArgument(valuesOf(tensor.source as string), tensor));
    const results = (await this.context.guard(this.pipeline(...values))) as Record<string, readonly Float32Array[]>;
    this.checkExecutor();

    const returned: Partial<Record<TensorName, Matrix>> = {};
    let loss = 0;
    for (const [key, { rows, columns }] of this.results) {
      const result = results[key]!;
      if (key === 'loss') {
        for (const row of result) loss += row[0]!;
      } else if (key.startsWith(gradientPrefix)) {
        copyRows(result, columns, slot[key.slice(gradientPrefix.length) as ParameterName]);
      } else {
        const data = new Float32Array(rows * columns);
        copyRows(result, columns, data);
        returned[key as TensorName] = { rows, columns, data };
      }
    }
    return { loss, tensors: returned };
  }

  dispose(): Promise<void> {
    return this.pipeline.destroy();
  }

  private vocabSize(): number {
    return this.context.layout.places.find(({ name }) => name === 'W_embed')!.shape[0]!;
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

const gradientPrefix = 'gradient of ';

function gradientKey(name: ParameterName): string {
  return gradientPrefix + name;
}

function entries<V>(record: Readonly<Partial<Record<TensorName, V>>>): [TensorName, V][] {
  return Object.entries(record) as [TensorName, V][];
}
