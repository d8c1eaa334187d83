/** What more ranks are predicted to bring, as lines for people and as an object for programs. */
import { count, plural } from '../amounts.js';
import type { MeasuredCosts } from '../training/checks/cost-measurement.js';
import type { Network } from '../training/checks/cost-model.js';
import { type PredictedStep, type Prediction, wantedEfficiency } from '../training/checks/prediction.js';
import { type Lengths, subjectOf } from './bench-report.js';
import { tableLines } from './text-table.js';

/** Where latency and bandwidth of the network come from. */
export type NetworkSource = 'measured' | 'given' | 'assumed';
export type NetworkSources = Readonly<Record<keyof Network, NetworkSource>>;

export function predictionRecord(
  { costs, alone, together }: MeasuredCosts,
  { network, steps, impossible }: Prediction,
  sources: NetworkSources,
  lengths: Lengths,
): object {
  const { shard, update, rest, notice, parameters } = costs;
  return {
    prediction: {
      model: alone.trainer.model.spec.title,
      batchSize: alone.trainer.config.train.batchSize,
      lengths,
      workersPerRank: alone.trainer.workers,
      measuredRanks: together?.trainer.ranks?.size ?? 1,
      fitted: {
        shardMs: { fixed: shard.fixed, perCaption: shard.each },
        updateNsPerParameter: { fixed: update.fixed * 1e6, perShard: update.each * 1e6 },
        restMs: rest,
        noticeMs: notice,
        parameters,
      },
      network: {
        latencyMicroseconds: network.latency * 1000,
        bandwidthGigabytesPerSecond: network.bandwidth / 1e6,
        from: sources,
      },
      wantedEfficiency,
      steps: steps.map(({ leastBandwidth, ...step }) => ({
        ...step,
        leastBandwidthGigabytesPerSecond: leastBandwidth === null ? null : leastBandwidth / 1e6,
      })),
      impossible,
    },
  };
}

export function predictionLines(
  measured: MeasuredCosts,
  prediction: Prediction,
  sources: NetworkSources,
  lengths: Lengths,
): string[] {
  const { alone } = measured;
  const { impossible, steps } = prediction;
  return [
    `${subjectOf(alone.trainer, lengths)}, ${plural(alone.trainer.workers, 'worker')} a rank, ` +
      `minibatches of ${alone.trainer.config.train.batchSize}`,
    ...fittedLines(measured, prediction.network, sources),
    ...(['ordered', 'fast'] as const).flatMap((reduction) => [
      '',
      `train.reduction: ${reduction}`,
      ...stepTable(steps.filter((step) => step.reduction === reduction)),
    ]),
    ...(impossible.length > 0
      ? [
          '',
          `${impossible.join(', ')} ranks cannot train so: a minibatch would have fewer shards than there are ranks, by ` +
            'train.shards or by the memory that the gradients of all shards take.',
        ]
      : []),
  ];
}

function fittedLines({ costs, shardRows }: MeasuredCosts, network: Network, sources: NetworkSources): string[] {
  const { shard, update, rest, notice, parameters } = costs;
  const rows = shardRows.map((some) => Number(some.toFixed(1))).join(', ');
  return tableLines([
    ['  shard', `${shard.fixed.toFixed(3)} ms + ${shard.each.toFixed(4)} ms a caption (measured at ${rows} captions)`],
    [
      '  update',
      `${nanoseconds(update.fixed)} + ${nanoseconds(update.each)} a shard, for each of ${count(parameters)} parameters`,
    ],
    ['  rest', `${rest.toFixed(2)} ms a step`],
    ['  notice', `${notice.toFixed(2)} ms until ranks that wait have noticed a command, and its answers`],
    ['  latency', `${(network.latency * 1000).toFixed(1)} µs a message (${sourceWords[sources.latency]})`],
    ['  bandwidth', `${gigabytes(network.bandwidth)} GB/s (${sourceWords[sources.bandwidth]})`],
  ]);
}

const sourceWords: Readonly<Record<NetworkSource, string>> = {
  measured: 'measured between the ranks',
  given: 'given',
  assumed: 'of 10 Gbit/s Ethernet',
};

function stepTable(steps: readonly PredictedStep[]): string[] {
  const wanted = `${100 * wantedEfficiency}%`;
  const header = ['  ranks', 'shards', 'step', 'measured', 'communication', 'captions/s', 'efficiency'];
  const rows = steps.map((step) => [
    String(step.ranks),
    count(step.shards),
    ms(step.stepMs),
    step.measuredMs === null ? '' : ms(step.measuredMs),
    percent(step.communicationShare),
    count(Math.round(step.captionsPerSecond)),
    percent(step.efficiency),
    ...(step.ranks === 1
      ? ['', '']
      : [
          step.leastBatch === null ? 'never' : count(step.leastBatch),
          step.leastBandwidth === null ? 'never' : `${gigabytes(step.leastBandwidth)} GB/s`,
        ]),
  ]);
  const table = [[...header, `batch for ${wanted}`, `network for ${wanted}`], ...rows];
  return tableLines(table, Array.from(table[0]!.keys()));
}

function nanoseconds(milliseconds: number): string {
  return `${(milliseconds * 1e6).toFixed(2)} ns`;
}

/** To three digits, of bytes a millisecond. */
function gigabytes(bandwidth: number): string {
  return String(Number((bandwidth / 1e6).toPrecision(3)));
}

function ms(value: number): string {
  return `${value.toFixed(value < 100 ? 2 : 1)} ms`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
