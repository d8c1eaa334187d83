/** A model on the engine of a worker thread, over the memory that holds its parameters. */
import type { Engine, Executable } from '../../engine/engine.js';
import { createEngine } from '../../engine/select.js';
import { UserError } from '../../errors.js';
import type { ModelFamily } from '../../model/family.js';
import { layoutOf } from '../../tensor/layout.js';
import type { Matrix, Named } from '../../tensor/matrix.js';
import type { ModelSpec } from '../../tensor/model-spec.js';
import type { ModelSetup, WorkerSetup } from './tasks.js';

type ProgramName = keyof ModelSpec['programs'];

export class EngineModel {
  private readonly prepared = new Map<ProgramName, Executable>();

  private constructor(
    readonly spec: ModelSpec,
    readonly engine: Engine,
    private readonly rows: number,
  ) {}

  /** @throws UserError when the engine cannot be made, or the family makes another model than it made before */
  static async load({ engine, rowsPerShard }: WorkerSetup, setup: ModelSetup): Promise<EngineModel> {
    const spec = await loadSpec(setup);
    return new EngineModel(spec, await createEngine(engine, setup.memory), rowsPerShard);
  }

  /** Made ready when it is first asked for, since working memory is planned for those that are run. */
  program(name: ProgramName): Executable {
    const { dimensions, programs } = this.spec;
    const limits = { rows: this.rows, steps: dimensions.steps };
    const program = this.prepared.get(name) ?? this.engine.prepare(programs[name], limits);
    this.prepared.set(name, program);
    return program;
  }

  decoding(): { readonly start: Executable; readonly step: Executable } {
    return { start: this.program('start'), step: this.program('step') };
  }

  /** Those that this model is given. */
  inputsAmong(inputs: Named<Matrix>): Named<Matrix> {
    return Object.fromEntries(Object.keys(this.spec.dimensions.inputs).map((name) => [name, inputs[name]!]));
  }
}

/** The model, made anew from its family in this thread. */
async function loadSpec({ familyUrl, model, memory }: ModelSetup): Promise<ModelSpec> {
  const { family } = (await import(familyUrl)) as { family?: ModelFamily };
  if (!family) throw new UserError(`${familyUrl} exports no family, which workers make the model from.`);
  const spec = family.spec(model.options, model.dimensions);
  if (JSON.stringify(layoutOf(spec.parameters)) !== JSON.stringify(memory.layout)) {
    throw new UserError(`${familyUrl}: its family makes another model in a worker than it made before.`);
  }
  return spec;
}
