/** What will run, said before it does: data, model, engine, training, each a line with what is to be known of it below. */

import { count, plural } from '../amounts.js';
import type { Config } from '../config/schema.js';
import type { EngineDescription } from '../engine/engine.js';
import { usableThreads } from '../files/container-limits.js';
import { type Dimensions, parameterCount } from '../tensor/model-spec.js';
import type { SplitReferences } from '../training/loop/references.js';
import type { Trainer } from '../training/loop/trainer.js';
import type { Crowd } from '../training/parallel/rank-workers.js';
import type { Ranks } from '../training/parallel/ranks.js';
import { leastRows } from '../training/parallel/sharding.js';
import { type Labelled, labelled } from './text.js';

/** What a trainer is made of, one line a part. */
export function trainerLines({
  config,
  dataset,
  model,
  modelNotes,
  engine,
  workers,
  rankWorkers,
  shards,
  ranks,
  stepsPerEpoch,
  references,
  trainingReferences,
}: Trainer): Labelled[] {
  const { train, val, vocabulary, notes } = dataset;
  const source = config.data.builtin ?? config.data.dir;
  const { batchSize, epochs, optimizer } = config.train;
  const { title, dimensions } = model.spec;
  return [
    labelled(
      'data',
      `${source}: ${count(train.count)} training and ${count(val.count)} validation captions, V = ` +
        `${count(vocabulary.size)} ${vocabulary.tokens === 'char' ? 'characters' : 'words'}, T = ${dimensions.steps}, ${inputs(dimensions)}`,
    ),
    ...notes.map(more),
    labelled('model', `${title}: ${count(parameterCount(model.spec))} parameters`),
    ...modelNotes.map(more),
    ...engineLines(engine.description),
    labelled(
      'training',
      `${plural(epochs, 'epoch')} of ${plural(stepsPerEpoch, 'step')}; minibatches of ${batchSize} in ` +
        `${plural(shards, 'shard')} on ${plural(workers, 'worker')}; ${optimizerTitles[optimizer.name]}, learning rate ${optimizer.learningRate}`,
    ),
    ...(shards > 1 && Math.min(batchSize, train.count) / shards < leastRows
      ? [more(`fewer than ${leastRows} captions a shard; fewer train.shards would be faster`)]
      : []),
    ...crowdLines(config, workers, ranks?.crowd(rankWorkers)),
    ...(ranks ? rankLines(config, ranks) : []),
    ...recipeLines(config.train),
    ...(trainingReferences ? selfCriticalLines(config.train.selfCritical, trainingReferences) : []),
    ...(references
      ? [
          labelled(
            'scores',
            `captions of ${count(references.images.length)} validation images, against ${references.source}`,
          ),
        ]
      : []),
    ...(references?.note ? [more(references.note)] : []),
  ];
}

/** @param ofRanks of several processes the machine that has too many workers, or null; undefined of one process */
function crowdLines({ train }: Config, workers: number, ofRanks: Crowd | null | undefined): Labelled[] {
  const threads = usableThreads();
  const crowd = ofRanks === undefined && workers > threads ? { host: 'this machine', threads, workers } : ofRanks;
  if (!crowd) return [];
  const fewer = train.workers === 'auto' ? 'ranks' : 'train.workers';
  return [
    more(
      `${plural(crowd.workers, 'worker')} share ${plural(crowd.threads, 'thread')} of ${crowd.host}; fewer ${fewer} would be as fast`,
    ),
  ];
}

/** What of the training differs from the plain recipe: no line where nothing does. */
function recipeLines({ schedule, weightDecay, clip, accumulate, ema, earlyStopping }: Config['train']): Labelled[] {
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
  return parts.length === 0 ? [] : [more(parts.join('; '))];
}

function selfCriticalLines(
  { samples, temperature, baseline, reward }: Config['train']['selfCritical'],
  { images, source, note }: SplitReferences,
): Labelled[] {
  const scores = Object.entries(reward).filter(([, factor]) => factor > 0);
  const worth = scores.map(([name, factor]) => (factor === 1 ? name : `${factor} ${name}`)).join(' + ');
  const warmth = temperature === 1 ? '' : ` at temperature ${temperature}`;
  const against = baseline === 'greedy' ? 'the greedy caption' : 'the mean of the other samples';
  return [
    labelled(
      'rewards',
      `${plural(samples, 'caption')} sampled${warmth} of each of ${count(images.length)} images, against ${against}: ${worth} by ${source}`,
    ),
    ...(note ? [more(note)] : []),
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

export function engineLines({ engine, precision, detail, notes }: EngineDescription): Labelled[] {
  return [labelled('engine', `${engine} (${precision}): ${detail}`), ...notes.map(more)];
}

/** Below the line before it. */
export function more(text: string): Labelled {
  return labelled('', text);
}

function rankLines({ train }: Config, ranks: Ranks): Labelled[] {
  const machines = plural(ranks.hosts, 'machine');
  return [
    labelled('ranks', `${ranks.size} processes of ${ranks.implementation} on ${machines}`),
    more(
      train.reduction === 'ordered'
        ? 'gradients are added in the order of the shards: the same bits for any number of ranks and workers'
        : 'each rank adds up its own gradients first (train.reduction: fast): other ranks or workers give other last digits',
    ),
  ];
}
