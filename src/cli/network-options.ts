/** The network that `recap bench --predict` predicts for. */
import { UserError } from '../errors.js';
import type { NetworkSource, NetworkSources } from '../report/prediction-report.js';
import type { Network } from '../training/checks/cost-model.js';

export interface NetworkWords {
  predict: boolean;
  latency?: number;
  bandwidth?: number;
}

export const networkOptions = {
  latency: {
    type: 'number',
    requiresArg: true,
    describe: 'With --predict: microseconds of a message (default: as measured between ranks, or 20)',
  },
  bandwidth: {
    type: 'number',
    requiresArg: true,
    describe: 'With --predict: gigabytes a second of the network (default: as measured between ranks, or 1.18)',
  },
} as const;

/**
 * 10 Gbit/s Ethernet. Latency between applications as measured by Hurwitz and Feng, "Initial End-to-End Performance
 * Evaluation of 10-Gigabit Ethernet" (2003); of the 1,538 bytes that a full frame takes on the wire, 1,448 are TCP's.
 */
const ethernet: Network = { latency: 0.02, bandwidth: (1.25e6 * 1448) / 1538 };

/** @throws UserError where they are given for nothing, or are no such numbers */
export function refuseIdleNetwork({ predict, latency, bandwidth }: NetworkWords): void {
  for (const [option, value, unit] of [
    ['--latency', latency, 'microseconds'],
    ['--bandwidth', bandwidth, 'gigabytes a second'],
  ] as const) {
    if (value === undefined) continue;
    if (!predict)
      throw new UserError(`${option} is the network that --predict is for. Add --predict, or leave it out.`);
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
      throw new UserError(`${option}: found ${value}, expected a number of ${unit} above 0.`);
    }
  }
}

/** What was given goes before what was measured, and that before what is assumed. */
export function networkOf(
  { latency, bandwidth }: NetworkWords,
  measured: Network | null,
): { readonly network: Network; readonly sources: NetworkSources } {
  const given = { latency: latency && latency / 1000, bandwidth: bandwidth && bandwidth * 1e6 };
  const source = (key: keyof Network): NetworkSource =>
    given[key] !== undefined ? 'given' : measured ? 'measured' : 'assumed';
  const value = (key: keyof Network) => given[key] ?? (measured ?? ethernet)[key];
  return {
    network: { latency: value('latency'), bandwidth: value('bandwidth') },
    sources: { latency: source('latency'), bandwidth: source('bandwidth') },
  };
}
