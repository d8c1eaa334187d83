/** The float64 engine: golden values, gradient checks and the measure of the other engines. */
import { namedViews } from '../../tensor/layout.js';
import type { Named } from '../../tensor/matrix.js';
import type { ProgramSpec } from '../../tensor/model-spec.js';
import type {
  Engine,
  EngineDescription,
  Executable,
  ParameterValues,
  RunRequest,
  RunResult,
  SharedMemory,
} from '../engine.js';
import { keptParameters, parametersOf, trainedView } from '../shared-memory.js';
import { matrix, type ReferenceMatrix } from './reference-matrix.js';
import { ReferenceOps } from './reference-ops.js';
import { referenceUpdates } from './reference-updates.js';

export const referenceDescription: EngineDescription = {
  engine: 'reference',
  precision: 'float64',
  supplier: 'TypeScript',
  detail: `plain TypeScript in float64 on Node ${process.versions.node}`,
  notes: [],
};

export function createReferenceEngine(shared: SharedMemory): Engine {
  return {
    description: referenceDescription,
    planKind: 'packed',
    prepare: (program) => new ReferenceExecutable(program, shared),
    ...referenceUpdates(shared),
    dispose: () => {},
  };
}

class ReferenceExecutable implements Executable {
  private readonly parameters: Partial<Record<ParameterValues, Named<ReferenceMatrix>>> = {};
  private readonly slots: readonly Float64Array[];

  constructor(
    private readonly program: ProgramSpec,
    private readonly shared: SharedMemory,
  ) {
    const { layout } = shared;
    for (const values of keptParameters(shared)) {
      const views = namedViews(parametersOf(shared, values) as Float64Array, layout);
      const matrices = layout.places.map(({ name, rows, columns }) => [name, matrix(rows, columns, views[name]!)]);
      this.parameters[values] = Object.fromEntries(matrices);
    }
    this.slots = shared.slots.map((offset) => trainedView(shared, offset) as Float64Array);
  }

  run({ shard, plan, inputs, draws, parameters = 'live' }: RunRequest): RunResult {
    const slot = this.slots[shard]!;
    if (plan.tokens === 0) {
      if (this.program.hasGradients) slot.fill(0);
      return { loss: 0, tensors: {} };
    }
    const given = Object.entries(inputs).map(([name, { rows, columns, data }]) => [
      name,
      matrix(rows, columns, Float64Array.from(data)),
    ]);
    const { loss, gradients, tensors } = this.program.run(
      new ReferenceOps(plan, draws),
      this.parameters[parameters]!,
      Object.fromEntries(given) as Named<ReferenceMatrix>,
    );
    if (gradients) {
      for (const [name, view] of Object.entries(namedViews(slot, this.shared.layout))) {
        const gradient = gradients[name];
        if (gradient) view.set(gradient.data);
        else view.fill(0);
      }
    }
    return { loss: loss?.data[0] ?? 0, tensors: tensors ?? {} };
  }
}
