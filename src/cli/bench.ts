/** `recap bench`: captions a second of the real training loop, and what more ranks would bring. */
import { Writable } from 'node:stream';
import type { CommandModule } from 'yargs';
import { plural } from '../amounts.js';
import { parseConfigText, resolveConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { type DataSource, loadSource } from '../data/data-source.js';
import type { Dataset } from '../data/dataset.js';
import { UserError } from '../errors.js';
import { usableThreads } from '../files/container-limits.js';
import { benchLines, benchRecord, type Lengths } from '../report/bench-report.js';
import { predictionLines, predictionRecord } from '../report/prediction-report.js';
import { RunReport } from '../report/run-report.js';
import { Screen } from '../report/screen.js';
import type { Precision } from '../tensor/matrix.js';
import { type BenchmarkOptions, type BenchmarkResult, benchmark } from '../training/checks/benchmark.js';
import { measureCosts } from '../training/checks/cost-measurement.js';
import { fastestSettings } from '../training/checks/fastest-settings.js';
import { measurePeak } from '../training/checks/peak.js';
import { predict } from '../training/checks/prediction.js';
import type { Trainer } from '../training/loop/trainer.js';
import type { TrainingStep } from '../training/loop/training-steps.js';
import type { Ranks } from '../training/parallel/ranks.js';
import { type NetworkWords, networkOf, networkOptions, refuseIdleNetwork } from './network-options.js';
import { configOption, jsonOption, quietOption, setOption } from './options.js';
import { withRanks } from './ranks.js';
import { watchSignals } from './signals.js';
import { wholeNumber } from './whole-number.js';

interface Arguments extends NetworkWords {
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
            'Worker counts of a process, such as 1,2 (default: every core); auto: find what is fastest, shards and batch too',
        },
        predict: { type: 'boolean', default: false, describe: 'Predict the step of 1 to 256 MPI ranks' },
        ...networkOptions,
        steps: { type: 'number', requiresArg: true, default: 30, describe: 'Steps that count' },
        json: jsonOption,
        quiet: quietOption,
      })
      .example('$0 bench --shape coco --workers 1,2', 'the COCO shape with one and two workers')
      .example('$0 bench --config config/flickr1k-lstm.yaml --json', 'real captions, one JSON object a line')
      .example('$0 bench --config FILE --workers auto', 'what to write into the config on this machine')
      .example('mpirun -n 2 npx recap bench --config FILE', 'training over two processes')
      .example('$0 bench --config FILE --predict --bandwidth 12.5', 'a cluster on 100 Gbit/s that one has not')
      .example("$0 bench --shape coco --set 'engine={name: cpu, blas: none}'", 'WebAssembly alone'),
  handler: bench,
};

async function bench(args: Arguments): Promise<void> {
  await withRanks(
    () => subjectOf(args).config,
    (ranks) => benchAsFirst(args, ranks),
  );
}

async function benchAsFirst(args: Arguments, ranks: Ranks | undefined): Promise<void> {
  const { config, source, lengths } = subjectOf(args);
  const screen = new Screen({ live: process.stderr, quiet: args.quiet });
  watchSignals(() => {
    screen.endLive();
    return false;
  });
  const run: Run = {
    args,
    config,
    lengths,
    ranks,
    screen,
    options: {
      ranks,
      source,
      load: once((precision) => loadSource(source, config.data, precision, config.train.seed)),
      steps: wholeNumber('--steps', args.steps),
      preparing: (what, done, of) => screen.wait({ what, done, of }),
      display: hiddenDisplay,
      onFault: (message) => screen.warning(message),
    },
  };
  if (args.predict) await predictRanks(run);
  else await measureSpeed(run);
}

interface Run {
  readonly args: Arguments;
  readonly config: Config;
  readonly lengths: Lengths;
  readonly ranks: Ranks | undefined;
  readonly screen: Screen;
  readonly options: Omit<BenchmarkOptions, 'workers'>;
}

async function measureSpeed({ args, config, lengths, ranks, screen, options }: Run): Promise<void> {
  const counts = args.workers === 'auto' ? null : workerCounts(args.workers);
  if (counts === null && ranks) {
    throw new UserError(
      `--workers auto searches in one process, but there are ${ranks.size} ranks. Name worker counts of a rank, or leave it out.`,
    );
  }
  let peak = Number.NaN;
  const measure = async (some: Config, workers: number | 'auto'): Promise<BenchmarkResult> => {
    const what = workers === 'auto' ? 'all workers' : plural(workers, 'worker');
    const result = await benchmark(some, {
      ...options,
      workers,
      step: (done, of) => screen.wait({ what: ranks ? `${what} a rank` : what, done, of, unit: 'steps' }),
    });
    if (Number.isNaN(peak)) {
      options.preparing?.('measuring what one core can do at most');
      peak = await measurePeak(result.trainer.engine.choice);
    }
    screen.endLive();
    const threads = ranks ? ranks.workers().reduce((sum, each) => sum + each, 0) : usableThreads();
    const peakShare = (result.gflops * 1e9) / (peak * Math.min(result.trainer.workers, threads));
    if (args.json) screen.result(JSON.stringify(benchRecord(result, lengths, peakShare)));
    else for (const line of benchLines(result, lengths, peakShare)) screen.result(line);
    return result;
  };
  if (counts === null) await findFastest(config, args, measure, screen);
  else for (const workers of counts) await measure(config, workers);
}

async function predictRanks({ args, config, lengths, ranks, screen, options }: Run): Promise<void> {
  const counts = args.workers === 'auto' ? [] : workerCounts(args.workers);
  if (counts.length !== 1) {
    throw new UserError(`--workers: found "${args.workers}", expected one worker count with --predict.`);
  }
  const workers = counts[0] === 'auto' ? (ranks?.workers()[0] ?? usableThreads()) : counts[0]!;
  const measured = await measureCosts(config, {
    ...options,
    ranks,
    workers,
    step: (done, of) => screen.wait({ what: 'measuring', done, of, unit: 'steps' }),
  });
  screen.endLive();
  const { network, sources } = networkOf(args, measured.network);
  const prediction = predict(config, measured, network);
  if (args.json) screen.result(JSON.stringify(predictionRecord(measured, prediction, sources, lengths)));
  else for (const line of predictionLines(measured, prediction, sources, lengths)) screen.result(line);
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

interface Subject {
  readonly config: Config;
  readonly source: DataSource;
  readonly lengths: Lengths;
}

/** @throws UserError where the words name no config, or two */
function subjectOf(args: Arguments): Subject {
  if ((args.shape === undefined) === (args.config === undefined)) {
    throw new UserError('bench needs either --shape coco or --config FILE.');
  }
  refuseIdleNetwork(args);
  const lengths = args.lengths ?? (args.shape === undefined ? 'data' : 'full');
  const sets =
    args.batch === undefined ? args.set : [...args.set, `train.batchSize=${wholeNumber('--batch', args.batch)}`];
  if (args.config !== undefined) {
    const source = { synthetic: null, fullLength: lengths === 'full' };
    // A step is the same by any view.
    return { config: resolveConfig(args.config, [...sets, 'data.views=0']), source, lengths };
  }
  const config = parseConfigText(`{ data: { builtin: shapes }, model: { cell: ${args.cell} } }`, '--shape coco', sets);
  const grid = config.model.attention === 'none' ? null : { positions: 49, columns: 352 };
  const coco = { captions: 10_000, images: 2000, steps: 16, featureDim: 512, vocabSize: 1004, lengths, grid };
  return { config, source: { synthetic: coco, fullLength: false }, lengths };
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

function workerCounts(text: string | undefined): readonly (number | 'auto')[] {
  if (text === undefined) return ['auto'];
  return text.split(',').map((word) => {
    const count = Number(word);
    if (word.trim() === '' || Number.isNaN(count)) {
      throw new UserError(`--workers: found "${text}", expected worker counts such as 1,2, or auto.`);
    }
    if (count > mostWorkers) throw new UserError(`--workers: found ${count}, expected at most ${mostWorkers}.`);
    return wholeNumber('--workers', count);
  });
}
