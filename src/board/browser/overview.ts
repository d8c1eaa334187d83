/** A card for each run: where it stands. */
import type { RunData } from '../board-data.js';
import { element, swatch } from './element.js';
import { formatShare, phases } from './metrics.js';
import { duration, shortNumber } from './numbers.js';
import { lastOf, type ShownRun } from './view.js';

/** Rows at the end of a log of which the phases are told. */
const lately = 100;

export function overviewOf(runs: readonly ShownRun[]): HTMLElement[] {
  return runs.map(({ data, colour }) =>
    element(
      'article',
      { class: 'card' },
      element('h3', {}, swatch(colour), data.name),
      element(
        'p',
        { class: data.isTraining ? 'state training' : 'state' },
        data.isTraining ? 'training now' : 'not training now',
      ),
      data.problem === null ? null : element('p', { class: 'problem' }, data.problem),
      element(
        'dl',
        {},
        ...factsOf(data).flatMap(([name, value]) => [
          element('div', {}, element('dt', {}, name), element('dd', {}, value)),
        ]),
      ),
    ),
  );
}

function factsOf(data: RunData): [string, string][] {
  const { steps, validations } = data;
  if (steps.length === 0) return [['step', 'none yet']];
  const last = (column: string) => lastOf(steps, column);
  const facts: [string, string][] = [
    ['step', shortNumber(last('step'))],
    ['epoch', epochOf(data, last('epoch'))],
    ['training loss', shortNumber(last('loss'))],
  ];
  const best = bestValidation(data);
  if (best !== null) facts.push(['best validation loss', best]);
  else if (validations.length === 0) facts.push(['validation', 'none yet']);
  for (const name of ['Bleu_4', 'CIDEr']) {
    const score = lastOf(validations, `scores.${name}`);
    if (score !== null) facts.push([name.replace('Bleu_', 'BLEU-'), shortNumber(score)]);
  }
  const rate = last('captionsPerSecond');
  if (rate !== null) facts.push(['captions/s', shortNumber(rate)]);
  const time = last('time');
  if (time !== null) facts.push(['time in steps', duration(time)]);
  const spent = phasesOf(data);
  if (spent !== null) facts.push(['where it goes', spent]);
  return facts;
}

function epochOf({ config }: RunData, epoch: number | null): string {
  const epochs = (config as { train?: { epochs?: unknown } } | null)?.train?.epochs;
  return typeof epochs === 'number' ? `${shortNumber(epoch)} of ${shortNumber(epochs)}` : shortNumber(epoch);
}

function bestValidation({ validations }: RunData): string | null {
  const losses = validations.values.loss ?? [];
  let best = -1;
  losses.forEach((loss, i) => {
    if (loss !== null && (best < 0 || loss < losses[best]!)) best = i;
  });
  if (best < 0) return null;
  return `${shortNumber(losses[best])} at step ${shortNumber(validations.values.step![best])}`;
}

/** Shares of the last steps' time. */
function phasesOf({ steps }: RunData): string | null {
  const seconds = phases.flatMap(({ column, title }) => {
    const values = (steps.means[column] ?? steps.values[column])?.slice(-lately);
    return values === undefined ? [] : [{ title, sum: values.reduce<number>((sum, value) => sum + (value ?? 0), 0) }];
  });
  const total = seconds.reduce((sum, each) => sum + each.sum, 0);
  if (total === 0) return null;
  return seconds.map(({ title, sum }) => `${title} ${formatShare(sum / total)}`).join(', ');
}
