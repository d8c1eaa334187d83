/** Which charts there are: one for each metric that any of the runs has, in the order in which people look for them. */
import { bytes, percent, shortNumber } from './numbers.js';
import type { ShownRun } from './view.js';

export interface Metric {
  readonly title: string;
  /** What the numbers are. */
  readonly unit: string;
  /** Column of the steps, and of the validations; null where there is none. */
  readonly step: string | null;
  readonly validation: string | null;
  /** Of runs whose steps are rewarded, whose loss is another, or of those whose are not; by default of all. */
  readonly isRewarded?: boolean;
  /** Of a schedule, say, which has no noise. */
  readonly isExact?: boolean;
  readonly format: (value: number | null | undefined) => string;
}

/** What the steps of self-critical training have. */
export const rewards = 'rewards.samples';

const known: readonly Metric[] = [
  { ...metric('Loss', 'summed over the words of a caption', 'loss', 'loss'), isRewarded: false },
  metric('Perplexity', 'of validation captions', null, 'perplexity'),
  { ...metric('Self-critical loss', 'of sampled captions, by their advantages', 'loss', null), isRewarded: true },
  metric('Reward', 'of sampled captions', rewards, null),
  metric('Baseline', 'what samples are compared with', 'rewards.baseline', null),
  metric('Gradient norm', 'before clipping', 'gradientNorm', null),
  { ...metric('Parameter norm', 'of all trained parameters', 'parameterNorm', null), isExact: true },
  { ...metric('Learning rate', '', 'learningRate', null), isExact: true },
  metric('Throughput', 'captions a second', 'captionsPerSecond', null),
  { ...metric('Memory', 'of the process', 'memoryBytes', null), isExact: true, format: memory },
];

/** The scores that people look at first. */
const leading: readonly string[] = ['scores.CIDEr', 'scores.Bleu_4', 'scores.ROUGE_L'];

/** Columns that are no metrics, or have a chart of their own. */
const others: readonly string[] = ['step', 'time', 'epoch', 'captions'];

export function metricsOf(runs: readonly ShownRun[]): Metric[] {
  const steps = new Set(runs.flatMap(({ data }) => Object.keys(data.steps.values)));
  const validations = new Set(runs.flatMap(({ data }) => Object.keys(data.validations.values)));
  const found = known.filter(
    ({ step, validation, isRewarded }) =>
      has(validations, validation) || (has(steps, step) && (!isRewarded || has(steps, rewards))),
  );
  const [loss, ...rest] = found;
  const scores = [...validations].filter((name) => name.startsWith('scores.'));
  scores.sort((a, b) => rankOf(a) - rankOf(b));
  const ofSteps = [...steps]
    .filter((name) => !others.includes(name) && !name.startsWith('seconds.'))
    .filter((name) => known.every(({ step }) => step !== name));
  const ofValidations = [...validations]
    .filter((name) => !others.includes(name) && !name.startsWith('scores.'))
    .filter((name) => known.every(({ validation }) => validation !== name));
  const unknown = [...new Set([...ofSteps, ...ofValidations])].map((name) =>
    metric(name, '', ofSteps.includes(name) ? name : null, ofValidations.includes(name) ? name : null),
  );
  return [...(loss ? [loss] : []), ...scores.map(scoreMetric), ...rest, ...unknown];
}

function scoreMetric(column: string): Metric {
  const name = column.slice('scores.'.length);
  return metric(name.replace('Bleu_', 'BLEU-'), 'of validation captions', null, column);
}

function rankOf(score: string): number {
  const place = leading.indexOf(score);
  return place < 0 ? leading.length : place;
}

function has(columns: ReadonlySet<string>, name: string | null): boolean {
  return name !== null && columns.has(name);
}

function metric(title: string, unit: string, step: string | null, validation: string | null): Metric {
  return { title, unit, step, validation, format: shortNumber };
}

/** Where a step's time goes, in the order in which it is spent. */
export const phases: readonly { readonly column: string; readonly title: string }[] = [
  { column: 'seconds.compute', title: 'computing' },
  { column: 'seconds.wait', title: 'waiting for the slowest' },
  { column: 'seconds.update', title: 'update' },
  { column: 'seconds.rest', title: 'between steps' },
];

export const formatShare = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : percent(value);

function memory(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : bytes(value);
}
