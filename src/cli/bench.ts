/** `recap bench`: captions a second of the real training loop. */
import { Writable } from 'node:stream';
import type { CommandModule } from 'yargs';
import { plural } from '../amounts.js';
import { parseConfigText, resolveConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { type Dataset, loadDataset } from '../data/dataset.js';
import { fullLength, syntheticDataset } from '../data/synthetic.js';
import { UserError } from '../errors.js';
import { usableThreads } from '../files/container-limits.js';
import { RunReport } from '../report/run-report.js';
import { Screen } from '../report/screen.js';
import type { Precision } from '../tensor/matrix.js';
import { type BenchmarkResult, benchmark } from '../training/checks/benchmark.js';
import { fastestSettings } from '../training/checks/fastest-settings.js';
import { measurePeak } from '../training/checks/peak.js';
import type { Trainer } from '../training/loop/trainer.js';
import type { TrainingStep } from '../training/loop/training-steps.js';
import { configOption, jsonOption, quietOption, setOption } from './options.js';
import { wholeNumber } from './whole-number.js';

interface Arguments {
  shape?: 'coco';
  config?: string;
  set: string[];
  cell: 'lstm' | 'rnn';
  lengths?: Lengths;
  batch?: number;
  workers?: string;
  steps: number;
  json: boolean;
  quiet: boolean;
}

type Lengths = 'full' | 'data';

export const benchCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .options({
        shape: {
          choices: ['coco'] as const,
          describe: 'Random captions: D = 512, W = 256, H = 512, V = 1004, T = 16, a grid of 49 × 352',
        },
        config: { ...configOption, describe: 'Real captions: the data and model of this config' },
        set: setOption,
        cell: { choices: ['lstm', 'rnn'] as const, default: 'lstm' as const, describe: 'With --shape' },
        lengths: {
          choices: ['full', 'data'] as const,
          describe: 'Every caption at full length, or lengths as in real data (default: full with --shape, else data)',
        },
        batch: {
          type: 'number',
          requiresArg: true,
          describe: 'Captions of a minibatch (default: 100, or the config’s)',
        },
        workers: {
          type: 'string',
          requiresArg: true,
          describe:
            'Worker counts, such as 1,2 (default: every core); auto: find what is fastest, shards and batch too',
        },
        steps: { type: 'number', requiresArg: true, default: 30, describe: 'Steps that count' },
        json: jsonOption,
        quiet: quietOption,
      })
      .example('$0 bench --shape coco --workers 1,2', 'the COCO shape with one and two workers')
      .example('$0 bench --config config/flickr1k-lstm.yaml --json', 'real captions, one JSON object a line')
      .example('$0 bench --config FILE --workers auto', 'what to write into the config on this machine')
      .example("$0 bench --shape coco --set 'engine={name: cpu, blas: none}'", 'WebAssembly alone'),
  handler: bench,
};

async function bench(args: Arguments): Promise<void> {
  const screen = new Screen({ live: process.stderr, quiet: args.quiet });
  const lengths = args.lengths ?? (args.shape === undefined ? 'data' : 'full');
  const { config, load } = subject(args, lengths);
  const steps = wholeNumber('--steps', args.steps);
  const counts = args.workers === 'auto' ? null : workerCounts(args.workers);
  const preparing = (what: string, done?: number, of?: number) => screen.wait({ what, done, of });
  let peak = Number.NaN;
  const measure = async (some: Config, workers: number): Promise<BenchmarkResult> => {
    const result = await benchmark(some, {
      workers,
      steps,
      load,
      preparing,
      display: hiddenDisplay,
      step: (done, of) => screen.wait({ what: plural(workers, 'worker'), done, of, unit: 'steps' }),
      onFault: (message) => screen.warning(message),
    });
    if (Number.isNaN(peak)) {
      preparing('measuring what one core can do at most');
      peak = await measurePeak(result.trainer.engine.choice);
    }
    screen.endLive();
    const peakShare = (result.gflops * 1e9) / (peak * Math.min(workers, usableThreads()));
    if (args.json) screen.result(JSON.stringify(record(result, lengths, peakShare)));
    else for (const line of lines(result, lengths, peakShare)) screen.result(line);
    return result;
  };
  if (counts === null) await findFastest(config, args, measure, screen);
  else for (const workers of counts) await measure(config, workers);
}

/** A run's display on a terminal that nobody sees. */
function hiddenDisplay(trainer: Trainer): (step: TrainingStep) => void {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = Object.assign(nowhere, { isTTY: true, columns: 120 }) as unknown as NodeJS.WriteStream;
  const report = new RunReport(new Screen({ out: terminal }));
  report.started(trainer, { dir: '', doneSteps: 0 });
  return (step) => report.step(step);
}

/** Measures one setting after the other, and says the fastest as lines of a config. */
async function findFastest(
  config: Config,
  { batch, json }: Arguments,
  measure: (config: Config, workers: number) => Promise<BenchmarkResult>,
  screen: Screen,
): Promise<void> {
  const first = config.train.batchSize;
  let captions = Number.POSITIVE_INFINITY;
  const best = await fastestSettings(
    async ({ workers, shards, batchSize }) => {
      const train = { ...config.train, shards, batchSize };
      const result = await measure({ ...config, train }, workers);
      captions = result.trainer.dataset.train.count;
      return result.captionsPerSecond;
    },
    // A minibatch that is asked for is kept, and none is larger than the data.
    {
      threads: usableThreads(),
      batchSize: { first, most: () => (batch === undefined ? Math.min(mostRows, captions) : first) },
    },
  );
  if (json) {
    screen.result(JSON.stringify({ fastest: best }));
    return;
  }
  screen.result('');
  screen.result('fastest here, as lines of a config:');
  screen.result('train:');
  for (const [key, value] of Object.entries(best)) screen.result(`  ${key}: ${value}`);
  if (best.batchSize > first) {
    screen.result(
      `A minibatch of ${best.batchSize} in place of ${first} trains otherwise: in fewer and larger steps an epoch.`,
    );
  }
}

function subject(
  args: Arguments,
  lengths: Lengths,
): { config: Config; load: (precision: Precision) => Promise<Dataset> } {
  if ((args.shape === undefined) === (args.config === undefined)) {
    throw new UserError('bench needs either --shape coco or --config FILE.');
  }
  const sets =
    args.batch === undefined ? args.set : [...args.set, `train.batchSize=${wholeNumber('--batch', args.batch)}`];
  if (args.config !== undefined) {
    const config = resolveConfig(args.config, sets);
    const load = async (precision: Precision) => {
      const dataset = await loadDataset(config.data, precision, config.train.seed);
      return lengths === 'full' ? fullLength(dataset) : dataset;
    };
    return { config, load: once(load) };
  }
  const config = parseConfigText(`{ data: { builtin: shapes }, model: { cell: ${args.cell} } }`, '--shape coco', sets);
  const grid = config.model.attention === 'none' ? null : { positions: 49, columns: 352 };
  const coco = { captions: 10_000, images: 2000, steps: 16, featureDim: 512, vocabSize: 1004, lengths, grid };
  return { config, load: once(async () => syntheticDataset(coco, config.train.seed)) };
}

/** The data of one config, which has one engine and so one precision, is the same in every measurement. */
function once(load: (precision: Precision) => Promise<Dataset>): typeof load {
  let loaded: Promise<Dataset> | null = null;
  return (precision) => {
    loaded ??= load(precision);
    return loaded;
  };
}

/** As many as `train.batchSize` may be. */
const mostRows = 65_536;
/** As many as `train.workers` may be. */
const mostWorkers = 1024;

function workerCounts(text: string | undefined): number[] {
  if (text === undefined) return [usableThreads()];
  return text.split(',').map((word) => {
    const count = Number(word);
    if (word.trim() === '' || Number.isNaN(count)) {
      throw new UserError(`--workers: found "${text}", expected worker counts such as 1,2, or auto.`);
    }
    if (count > mostWorkers) throw new UserError(`--workers: found ${count}, expected at most ${mostWorkers}.`);
    return wholeNumber('--workers', count);
  });
}

function record({ trainer, engine, ...measured }: BenchmarkResult, lengths: Lengths, peakShare: number) {
  return {
    model: trainer.model.spec.title,
    engine: engine.engine,
    supplier: engine.supplier,
    precision: engine.precision,
    workers: trainer.workers,
    shards: trainer.shards,
    batchSize: trainer.config.train.batchSize,
    lengths,
    captionsPerSecond: measured.captionsPerSecond,
    stepMs: measured.stepMs,
    gflops: measured.gflops,
    peakShare,
    phases: measured.phases,
    idleShare: measured.idleShare,
    watching: measured.watching,
  };
}

function lines(
  { trainer, engine, switchedOff, ...measured }: BenchmarkResult,
  lengths: Lengths,
  peakShare: number,
): string[] {
  const { model, workers, shards, config } = trainer;
  const { min, median, max } = measured.stepMs;
  const { forwardBackward, dispatch, update, rest } = measured.phases;
  const { stepMs, share, validationMs } = measured.watching;
  return [
    `${model.spec.title}, ${lengths === 'full' ? 'full length' : 'lengths of the data'}, ${engine.engine} ` +
      `(${engine.precision}; ${engine.detail}), ${workers} worker${workers === 1 ? '' : 's'}, ${shards} shard${shards === 1 ? '' : 's'}, ` +
      `minibatches of ${config.train.batchSize}`,
    ...(switchedOff.length > 0 ? [`  switched off for this: ${switchedOff.join(', ')}`] : []),
    `  ${Math.round(measured.captionsPerSecond)} captions/s   step ${ms(median)} (${ms(min)} to ${ms(max)})`,
    `  ${measured.gflops.toFixed(1)} GFLOP/s in products, ${percent(peakShare)} of the measured peak`,
    `  forward and backward ${ms(forwardBackward)}, dispatch ${ms(dispatch)}, reduction and update ${ms(update)}, ` +
      `rest ${ms(rest)}; workers idle ${percent(measured.idleShare)}`,
    `  watched by log, TensorBoard and display: ${stepMs.toFixed(2)} ms more, ${(100 * share).toFixed(2)}% of a step; ` +
      `at a validation ${ms(validationMs)}`,
  ];
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
