/** A run as a person watches it: what it is, how far it has come, what it writes. */
import type { EngineDescription } from '../engine/engine.js';
import { parameterCount } from '../model/parameters.js';
import type { RunEvents } from '../training/run-events.js';
import type { Trainer } from '../training/trainer.js';
import type { TrainingStep } from '../training/training-steps.js';
import type { SampleCaption, ValidationLoss } from '../training/validation.js';
import type { Screen } from './screen.js';

/** What a trainer is made of, one line a part. */
export function trainerLines({ config, dataset, shape, engine, workers, shards, stepsPerEpoch }: Trainer): string[] {
  const { train, val, vocabulary, notes } = dataset;
  const source = config.data.builtin ?? config.data.dir;
  const { batchSize, epochs, optimizer } = config.train;
  return [
    `data      ${source}: ${count(train.count)} training and ${count(val.count)} validation captions, V = ` +
      `${count(vocabulary.size)} ${vocabulary.tokens === 'char' ? 'characters' : 'words'}, T = ${shape.steps}, D = ${shape.featureDim}`,
    ...notes.map((note) => `          ${note}`),
    `model     ${shape.cell.toUpperCase()}, W = ${shape.wordDim}, H = ${shape.hiddenDim}: ${count(parameterCount(shape))} parameters`,
    ...engineLines(engine.description),
    `training  ${plural(epochs, 'epoch')} of ${plural(stepsPerEpoch, 'step')}; minibatches of ${batchSize} in ` +
      `${plural(shards, 'shard')} on ${plural(workers, 'worker')}; Adam, learning rate ${optimizer.learningRate}`,
  ];
}

export function engineLines({ engine, precision, detail, notes }: EngineDescription): string[] {
  return [`engine    ${engine} (${precision}): ${detail}`, ...notes.map((note) => `          ${note}`)];
}

/** True and generated captions, one below the other. */
export function captionLines(samples: readonly SampleCaption[]): string[] {
  return samples.flatMap(({ image, truth, generated }) => {
    const label = `  image ${image}`;
    return [`${label}  true       ${truth}`, `${' '.repeat(label.length)}  generated  ${generated}`];
  });
}

export class RunReport implements RunEvents {
  private trainer: Trainer | null = null;
  private firstStep = 0;
  private startedAt = 0;
  private speed = 0;
  private epochLoss = 0;
  private epochCaptions = 0;

  constructor(private readonly screen: Screen) {}

  get hasStarted(): boolean {
    return this.trainer !== null;
  }

  started(trainer: Trainer, { dir, doneSteps }: { dir: string; doneSteps: number }): void {
    this.trainer = trainer;
    this.firstStep = doneSteps;
    this.startedAt = performance.now();
    for (const line of trainerLines(trainer)) this.screen.print(line);
    this.screen.print(`run       ${dir}${doneSteps > 0 ? `, going on after step ${count(doneSteps)}` : ''}`);
    this.screen.print('');
  }

  step(step: TrainingStep): void {
    const { lastStep, config } = this.trainer!;
    const now = (step.captions * 1000) / step.timing.total;
    this.speed = this.speed === 0 ? now : 0.95 * this.speed + 0.05 * now;
    this.epochLoss += step.loss * step.captions;
    this.epochCaptions += step.captions;
    const done = step.step - this.firstStep;
    const left = ((performance.now() - this.startedAt) / done) * (lastStep - step.step);
    if (step.skipped !== null) this.warning(`step ${step.step} left out: ${step.skipped}`);
    this.screen.progress(
      `epoch ${step.epoch}/${config.train.epochs}  step ${count(step.step)}/${count(lastStep)}  loss ${step.loss.toFixed(4)}  ` +
        `${count(Math.round(this.speed))} captions/s  ${duration(left)} left`,
    );
    if (step.step % this.trainer!.stepsPerEpoch === 0) this.endEpoch(step);
  }

  private endEpoch({ epoch, learningRate }: TrainingStep): void {
    this.screen.print(
      `epoch ${epoch}/${this.trainer!.config.train.epochs}  mean loss ${(this.epochLoss / this.epochCaptions).toFixed(4)}  ` +
        `learning rate ${learningRate.toPrecision(3)}  ${count(Math.round(this.speed))} captions/s`,
    );
    this.epochLoss = 0;
    this.epochCaptions = 0;
  }

  validated(epoch: number, { loss, perplexity }: ValidationLoss, isBest: boolean): void {
    this.screen.print(
      `  validation after epoch ${epoch}: loss ${loss.toFixed(4)}, perplexity ${perplexity.toFixed(2)}${isBest ? ' (best so far)' : ''}`,
    );
  }

  captions(samples: readonly SampleCaption[]): void {
    for (const line of captionLines(samples)) this.screen.print(line);
  }

  checkpointed(): void {}

  warning(message: string): void {
    this.screen.warn(`warning: ${message}`);
  }

  note(message: string): void {
    this.screen.print(message);
  }
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Milliseconds, in the two largest units. */
export function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
