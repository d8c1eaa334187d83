/** The float64 engine: golden values, gradient checks and the measure of the other engines. */
import { type ParameterName, parameterNames, parameterViews } from '../../model/parameters.js';
import type {
  AdamStep,
  Engine,
  EngineDescription,
  Executable,
  Matrix,
  Program,
  RunRequest,
  RunResult,
  SharedMemory,
  TensorName,
  Tensors,
} from '../engine.js';
import { flatView, numbersAt } from '../shared-memory.js';
import { matrix, type ReferenceMatrix, ReferenceOps } from './reference-ops.js';

export const referenceDescription: EngineDescription = {
  engine: 'reference',
  precision: 'float64',
  supplier: 'TypeScript',
  detail: `plain TypeScript in float64 on Node ${process.versions.node}`,
  notes: [],
};

export function createReferenceEngine(shared: SharedMemory): Engine {
  const parameters = flatView(shared, shared.parameters) as Float64Array;
  const m = flatView(shared, shared.m) as Float64Array;
  const v = flatView(shared, shared.v) as Float64Array;
  const slots = shared.slots.map((offset) => flatView(shared, offset) as Float64Array);
  return {
    description: referenceDescription,
    planKind: 'packed',
    prepare: (program) => new ReferenceExecutable(program, shared, parameters, slots),
    adam: (step, from, to) => adam(step, parameters, m, v, slots, from, to),
    saveState(from, to, at) {
      const saved = numbersAt(shared, at, 3 * (to - from));
      [parameters, m, v].forEach((values, i) => {
        saved.set(values.subarray(from, to), i * (to - from));
      });
    },
    largestGradient: (shard, from, to) => largestMagnitude(slots[shard]!, from, to),
    dispose: () => {},
  };
}

class ReferenceExecutable implements Executable {
  private readonly parameters: Record<ParameterName, ReferenceMatrix>;

  constructor(
    private readonly program: Program,
    private readonly shared: SharedMemory,
    flat: Float64Array,
    private readonly slots: readonly Float64Array[],
  ) {
    const views = parameterViews(flat, shared.parameterLayout);
    this.parameters = Object.fromEntries(
      shared.parameterLayout.places.map(({ name, shape }) => [name, matrix(...matrixShape(shape), views[name])]),
    ) as Record<ParameterName, ReferenceMatrix>;
  }

  run({ shard, plan, tensors }: RunRequest): RunResult {
    if (plan.tokens === 0) {
      this.slots[shard]!.fill(0);
      return { loss: 0, tensors: {} };
    }
    const given: Partial<Record<TensorName, ReferenceMatrix>> = {};
    for (const [name, { rows, columns, data }] of Object.entries(tensors) as [TensorName, Matrix][]) {
      given[name] = matrix(rows, columns, Float64Array.from(data));
    }
    const outputs = this.program(new ReferenceOps(plan), this.parameters, given);
    if (outputs.gradients) {
      const slot = parameterViews(this.slots[shard]!, this.shared.parameterLayout);
      for (const name of parameterNames) slot[name].set(outputs.gradients[name].data);
    }
    return { loss: outputs.loss?.data[0] ?? 0, tensors: (outputs.tensors ?? {}) as Tensors<Matrix> };
  }
}

function matrixShape(shape: readonly number[]): [number, number] {
  return shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
}

/** Adam (Kingma and Ba 2015) in the form of CS231n's optim.py: epsilon is added to the uncorrected root. */
function adam(
  step: AdamStep,
  parameters: Float64Array,
  m: Float64Array,
  v: Float64Array,
  slots: readonly Float64Array[],
  from: number,
  to: number,
): void {
  const { stepSize, beta1, beta2, epsilon, divisor } = step;
  for (let i = from; i < to; i++) {
    let sum = 0;
    for (const slot of slots) sum += slot[i]!;
    const g = sum / divisor;
    m[i] = beta1 * m[i]! + (1 - beta1) * g;
    v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
    parameters[i]! -= (stepSize * m[i]!) / (Math.sqrt(v[i]!) + epsilon);
  }
}

function largestMagnitude(values: Float64Array, from: number, to: number): number {
  let largest = 0;
  for (let i = from; i < to; i++) {
    const magnitude = Math.abs(values[i]!);
    if (!(magnitude <= largest)) largest = magnitude;
    if (Number.isNaN(magnitude)) return Number.NaN;
  }
  return largest;
}
