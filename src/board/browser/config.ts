/** The config of a run, how to repeat it, and where the configs of several differ. */
import { comparison } from '../../config/differences.js';
import type { RunData } from '../board-data.js';
import { element, swatch } from './element.js';
import type { ShownRun } from './view.js';

export function configOf({ configText, commands }: RunData): HTMLElement {
  if (configText === null) return element('p', { class: 'empty' }, 'The run has no config.yaml that can be read.');
  return element(
    'div',
    {},
    element('p', {}, 'A run is a function of this config, its data and the engine. The same again:'),
    commandBlock(commands.repeat),
    element('details', {}, element('summary', {}, 'config.yaml'), element('pre', {}, element('code', {}, configText))),
  );
}

export function commandBlock(command: string): HTMLElement {
  return element('pre', { class: 'command' }, element('code', {}, command));
}

/** Key by key, for those in which any two of the runs differ. */
export function differencesOf(runs: readonly ShownRun[]): HTMLElement {
  const compared = comparison(runs.map(({ data }) => data.config));
  if (compared.length === 0) return element('p', { class: 'empty' }, 'Their configs are the same.');
  const groups = compared.map(({ key, values }) =>
    element('div', { class: 'difference' }, element('dt', {}, element('code', {}, key)), ...valuesOf(values, runs)),
  );
  return element('dl', { class: 'differences' }, ...groups);
}

/** Each value once, with the runs that have it. */
function valuesOf(values: readonly unknown[], runs: readonly ShownRun[]): HTMLElement[] {
  const having = new Map<string, ShownRun[]>();
  for (const [i, run] of runs.entries()) {
    const value = JSON.stringify(values[i]) ?? 'not set';
    having.set(value, [...(having.get(value) ?? []), run]);
  }
  return [...having].map(([value, some]) => {
    const names = some.map(({ data }) => data.name).join(', ');
    const marks = some.map(({ colour }) => swatch(colour));
    return element(
      'dd',
      { title: names },
      element('span', {}, ...marks),
      element('code', {}, value),
      element('span', { class: 'hidden' }, ` of ${names}`),
    );
  });
}
