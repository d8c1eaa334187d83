/** What a sweep found, as a table in Markdown: a row for each setting, over its seeds. */
import { isBetter } from '../training/run/patience.js';
import type { SweepResult } from '../training/run/sweep.js';

export function sweepTable(results: readonly SweepResult[]): string[] {
  const rows = new Map<string, SweepResult[]>();
  for (const result of results) {
    const title = settingsTitle(result.run.settings);
    rows.set(title, [...(rows.get(title) ?? []), result]);
  }
  const metric = results[0]?.run.config.validate.metric ?? 'loss';
  const best = [...rows.values()]
    .flatMap((some) => mean(valuesOf(some)) ?? [])
    .reduce<number | null>((best, value) => (isBetter(metric, value, best) ? value : best), null);
  return [
    `| settings | best validation ${metric} | over seeds | at step |`,
    '|---|---:|---:|---:|',
    ...[...rows].map(([title, some]) => {
      const values = valuesOf(some);
      const average = mean(values);
      const shown = average === null ? '–' : average.toFixed(4);
      const steps = some.flatMap(({ outcome }) => outcome?.best?.step ?? []);
      return `| ${title} | ${average === best ? `**${shown}**` : shown} | ${range(values, some.length, metric)} | ${span(steps)} |`;
    }),
  ];
}

export function settingsTitle(settings: readonly string[]): string {
  return settings.length === 0
    ? 'plain'
    : settings.map((setting) => `\`${setting.replaceAll('|', '\\|')}\``).join(', ');
}

function valuesOf(results: readonly SweepResult[]): number[] {
  return results.flatMap(({ outcome }) => outcome?.best?.value ?? []);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Lowest to highest, and how many runs gave no value. */
function range(values: readonly number[], runs: number, metric: string): string {
  const without = values.length < runs ? `${runs - values.length} of ${runs} without a ${metric}` : '';
  if (values.length === 0) return without;
  const found =
    values.length === 1 ? 'one seed' : `${Math.min(...values).toFixed(4)} to ${Math.max(...values).toFixed(4)}`;
  return without === '' ? found : `${found}, ${without}`;
}

function span(steps: readonly number[]): string {
  if (steps.length === 0) return '–';
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  return first === last ? String(first) : `${first} to ${last}`;
}
