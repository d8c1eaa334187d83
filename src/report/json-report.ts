/** A run, or a check that trains, as programs read it: one JSON object a line, and nothing else, on standard output. */
import { parameterCount } from '../tensor/model-spec.js';
import type { Trainer } from '../training/loop/trainer.js';
import type { RunRecord } from '../training/run/records.js';
import type { TrainOutcome } from '../training/run/train-outcome.js';
import { outcomeLines } from './run-outcome.js';
import type { Screen } from './screen.js';
import type { TrainReport } from './train-report.js';

export class JsonReport implements TrainReport {
  hasStarted = false;

  /** @param screen a quiet one */
  constructor(private readonly screen: Screen) {}

  /** Numbers keep every digit; what JSON has no number for becomes null. */
  print(record: object): void {
    this.screen.result(JSON.stringify(record));
  }

  started(trainer: Trainer, run: { dir: string; doneSteps: number }): void {
    this.hasStarted = true;
    this.print({ type: 'start', run: run.dir, doneSteps: run.doneSteps, ...trainerRecord(trainer) });
  }

  /** Steps, validations, samples and faults, as metrics.jsonl has them. */
  recorded(record: RunRecord): void {
    this.print(record);
  }

  ended(outcome: TrainOutcome): void {
    const { dir, step, lastStep, loss, best, checkpoints, elapsedSeconds } = outcome;
    for (const warning of outcomeLines(outcome).warnings) this.screen.warn(warning);
    this.print({
      type: 'end',
      outcome: outcomeWord(outcome),
      run: dir,
      step,
      lastStep,
      loss,
      best,
      checkpoints,
      elapsedSeconds,
    });
  }

  /** Before the error is printed and ends the process. */
  failed(error: unknown): void {
    this.print({ type: 'end', outcome: 'failed', message: error instanceof Error ? error.message : String(error) });
  }

  stoppedBeforeStart(message: string): void {
    this.print({ type: 'end', outcome: 'stopped', message });
  }

  warning(message: string): void {
    this.screen.warning(message);
  }

  note(message: string): void {
    this.screen.warn(`note: ${message}`);
  }

  health(): void {}
  preparing(): void {}
  step(): void {}
  epochEnded(): void {}
  validating(): void {}
  validated(): void {}
  captions(): void {}
  checkpointed(): void {}
}

function outcomeWord({ stopped, alreadyComplete, stoppedEarly }: TrainOutcome): string {
  if (stopped) return 'stopped';
  if (alreadyComplete) return 'alreadyComplete';
  return stoppedEarly ? 'stoppedEarly' : 'finished';
}

/** What will run. */
export function trainerRecord({
  config,
  dataset,
  model,
  engine,
  workers,
  shards,
  ranks,
  stepsPerEpoch,
  lastStep,
}: Trainer) {
  const { train, val, vocabulary } = dataset;
  const { title, dimensions } = model.spec;
  const { epochs, batchSize, seed, optimizer } = config.train;
  const { engine: name, precision, detail } = engine.description;
  return {
    data: {
      source: config.data.builtin ?? config.data.dir,
      trainingCaptions: train.count,
      validationCaptions: val.count,
      vocabulary: vocabulary.size,
      steps: dimensions.steps,
      inputs: dimensions.inputs,
    },
    model: { title, parameters: parameterCount(model.spec) },
    engine: { name, precision, detail },
    workers,
    shards,
    ranks: ranks?.size ?? 1,
    epochs,
    stepsPerEpoch,
    lastStep,
    batchSize,
    optimizer,
    seed,
  };
}
