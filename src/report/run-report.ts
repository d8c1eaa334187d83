/** A run as a person watches it: what it is, how far it has come, what it writes. */
import type { Config } from '../config/schema.js';
import type { EngineDescription } from '../engine/engine.js';
import { type Dimensions, parameterCount } from '../tensor/model-spec.js';
import type { SplitReferences } from '../training/loop/references.js';
import type { Trainer } from '../training/loop/trainer.js';
import type { TrainingStep } from '../training/loop/training-steps.js';
import type { SampleCaption, Validation } from '../training/loop/validation.js';
import { leastRows } from '../training/parallel/sharding.js';
import type { RunEvents } from '../training/run/run-events.js';
import type { Screen } from './screen.js';

/** What a trainer is made of, one line a part. */
export function trainerLines({
  config,
  dataset,
  model,
  modelNotes,
  engine,
  workers,
  shards,
  stepsPerEpoch,
  references,
  trainingReferences,
}: Trainer): string[] {
  const { train, val, vocabulary, notes } = dataset;
  const source = config.data.builtin ?? config.data.dir;
  const { batchSize, epochs, optimizer } = config.train;
  const { title, dimensions } = model.spec;
  return [
    `data      ${source}: ${count(train.count)} training and ${count(val.count)} validation captions, V = ` +
      `${count(vocabulary.size)} ${vocabulary.tokens === 'char' ? 'characters' : 'words'}, T = ${dimensions.steps}, ${inputs(dimensions)}`,
    ...notes.map((note) => `          ${note}`),
    `model     ${title}: ${count(parameterCount(model.spec))} parameters`,
    ...modelNotes.map((note) => `          ${note}`),
    ...engineLines(engine.description),
    `training  ${plural(epochs, 'epoch')} of ${plural(stepsPerEpoch, 'step')}; minibatches of ${batchSize} in ` +
      `${plural(shards, 'shard')} on ${plural(workers, 'worker')}; ${optimizerTitles[optimizer.name]}, learning rate ${optimizer.learningRate}`,
    ...(shards > 1 && Math.min(batchSize, train.count) / shards < leastRows
      ? [`          fewer than ${leastRows} captions a shard; fewer train.shards would be faster`]
      : []),
    ...recipeLines(config.train),
    ...(trainingReferences ? selfCriticalLines(config.train.selfCritical, trainingReferences) : []),
    ...(references
      ? [`scores    captions of ${count(references.images.length)} validation images, against ${references.source}`]
      : []),
    ...(references?.note ? [`          ${references.note}`] : []),
  ];
}

/** What of the training differs from the plain recipe: no line where nothing does. */
function recipeLines({ schedule, weightDecay, clip, accumulate, ema, earlyStopping }: Config['train']): string[] {
  const parts: string[] = [];
  if (schedule.name !== 'exponential') parts.push(`${scheduleTitles[schedule.name]} schedule`);
  if ('warmup' in schedule && schedule.warmup > 0) parts.push(`${plural(schedule.warmup, 'step')} of warm-up`);
  if (weightDecay.rate > 0) parts.push(`weight decay ${weightDecay.rate}`);
  if (clip.norm !== null) parts.push(`gradients clipped at norm ${clip.norm}`);
  if (clip.value !== null) parts.push(`gradients cut at ${clip.value}`);
  if (accumulate > 1) parts.push(`${accumulate} minibatches a step`);
  if (ema !== null) parts.push(`average of parameters keeps ${ema}`);
  if (earlyStopping.patience !== null)
    parts.push(`stops after ${plural(earlyStopping.patience, 'validation')} in vain`);
  return parts.length === 0 ? [] : [`          ${parts.join('; ')}`];
}

function selfCriticalLines(
  { samples, temperature, baseline, reward }: Config['train']['selfCritical'],
  { images, source, note }: SplitReferences,
): string[] {
  const scores = Object.entries(reward).filter(([, factor]) => factor > 0);
  const worth = scores.map(([name, factor]) => (factor === 1 ? name : `${factor} ${name}`)).join(' + ');
  const warmth = temperature === 1 ? '' : ` at temperature ${temperature}`;
  const against = baseline === 'greedy' ? 'the greedy caption' : 'the mean of the other samples';
  return [
    `rewards   ${plural(samples, 'caption')} sampled${warmth} of each of ${count(images.length)} images, against ${against}: ${worth} by ${source}`,
    ...(note ? [`          ${note}`] : []),
  ];
}

const scheduleTitles = {
  constant: 'constant',
  step: 'step',
  cosine: 'cosine',
  oneCycle: 'one-cycle',
  plateau: 'plateau',
} as const;

const optimizerTitles = { adam: 'Adam', adamw: 'AdamW', sgd: 'SGD', rmsprop: 'RMSProp', adagrad: 'AdaGrad' } as const;

/** "D = 512" for the features of an image, and the columns of any other input under its name. */
function inputs({ inputs: columns }: Dimensions): string {
  return Object.entries(columns)
    .map(([name, width]) => `${name === 'features' ? 'D' : name} = ${width}`)
    .join(', ');
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

  constructor(private readonly screen: Screen) {}

  get hasStarted(): boolean {
    return this.trainer !== null;
  }

  preparing(what: string): void {
    this.screen.progress(what);
  }

  started(trainer: Trainer, { dir, doneSteps }: { dir: string; doneSteps: number }): void {
    this.screen.endProgress();
    this.trainer = trainer;
    this.firstStep = doneSteps;
    this.startedAt = performance.now();
    for (const line of trainerLines(trainer)) this.screen.printWrapped(line);
    this.screen.print(`run       ${dir}${doneSteps > 0 ? `, going on after step ${count(doneSteps)}` : ''}`);
    this.screen.print('');
  }

  step(step: TrainingStep): void {
    const { lastStep, config } = this.trainer!;
    const now = (step.captions * 1000) / step.timing.total;
    this.speed = this.speed === 0 ? now : 0.95 * this.speed + 0.05 * now;
    const done = step.step - this.firstStep;
    const left = ((performance.now() - this.startedAt) / done) * (lastStep - step.step);
    if (step.skipped !== null) this.warning(`step ${step.step} left out: ${step.skipped}`);
    this.screen.progress(
      `epoch ${step.epoch}/${config.train.epochs}  step ${count(step.step)}/${count(lastStep)}  ${aim(step)}  ` +
        `${count(Math.round(this.speed))} captions/s  ${duration(left)} left`,
    );
  }

  epochEnded({ epoch, learningRate }: TrainingStep, meanLoss: number | null, meanReward: number | null): void {
    const mean = meanReward === null ? `mean loss ${shown(meanLoss)}` : `mean reward ${shown(meanReward)}`;
    this.screen.print(
      `epoch ${epoch}/${this.trainer!.config.train.epochs}  ${mean}  ` +
        `learning rate ${learningRate.toPrecision(3)}  ${count(Math.round(this.speed))} captions/s`,
    );
  }

  validating(what: string, done: number, of: number): void {
    this.screen.progress(`validation: ${count(done)} of ${count(of)} ${what}`);
  }

  validated(epoch: number, { loss, perplexity, scores }: Validation, isBest: boolean): void {
    this.screen.endProgress();
    const measured = [`loss ${loss.toFixed(4)}`, `perplexity ${perplexity.toFixed(2)}`];
    for (const [name, score] of Object.entries(scores ?? {})) measured.push(`${name} ${score.toFixed(4)}`);
    this.screen.print(`  validation after epoch ${epoch}: ${measured.join(', ')}${isBest ? ' (best so far)' : ''}`);
  }

  captions(samples: readonly SampleCaption[]): void {
    for (const line of captionLines(samples)) this.screen.printWrapped(line);
  }

  checkpointed(): void {}

  warning(message: string): void {
    this.screen.warn(`warning: ${message}`);
  }

  note(message: string): void {
    this.screen.print(message);
  }
}

/** What a step lowers or raises; the loss of sampled captions times their advantages says nothing. */
function aim({ loss, rewards }: TrainingStep): string {
  if (rewards === null) return `loss ${loss.toFixed(4)}`;
  return `reward ${rewards.samples.toFixed(4)} (baseline ${rewards.baseline.toFixed(4)})`;
}

function shown(mean: number | null): string {
  return mean === null ? 'not known' : mean.toFixed(4);
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
