/** Which runs are shown: a box to tick for each. */
import type { RunEntry } from '../board-data.js';
import { element } from './element.js';

/** Of more runs some are found by a part of their name. */
const manyRuns = 8;

export interface RunPicker {
  readonly element: HTMLElement;
  show(entries: readonly RunEntry[], chosen: readonly string[]): void;
}

export function runPicker(most: number, onChoice: (names: readonly string[]) => void): RunPicker {
  const title = element('summary');
  const filter = element('input', {
    type: 'search',
    placeholder: 'part of a name',
    'aria-label': 'Show runs whose name has',
  });
  const list = element('ul', { class: 'runs' });
  const box = element('details', { class: 'picker' }, title, filter, list);
  let shown: { entries: readonly RunEntry[]; chosen: readonly string[] } = { entries: [], chosen: [] };
  let form = '';

  filter.addEventListener('input', draw);

  function draw(): void {
    const { entries, chosen } = shown;
    const part = filter.value.toLowerCase();
    const isFull = chosen.length >= most;
    const { activeElement } = document;
    const focused = list.contains(activeElement) ? (activeElement as HTMLInputElement).value : null;
    const items = entries
      .filter(({ name }) => name.toLowerCase().includes(part))
      .map(({ name, isTraining }) => {
        const isChosen = chosen.includes(name);
        const tick = element('input', {
          type: 'checkbox',
          value: name,
          checked: isChosen,
          disabled: isFull && !isChosen,
        });
        tick.addEventListener('change', () => {
          onChoice(tick.checked ? [...shown.chosen, name] : shown.chosen.filter((other) => other !== name));
        });
        return element(
          'li',
          {},
          element('label', {}, tick, ` ${name}`),
          isTraining ? element('span', { class: 'state training' }, 'training now') : null,
        );
      });
    list.replaceChildren(...items);
    const again = [...list.querySelectorAll('input')].find(({ value }) => value === focused);
    again?.focus();
  }

  return {
    element: box,
    show(entries, chosen) {
      shown = { entries, chosen };
      const now = JSON.stringify([entries.map(({ name, isTraining }) => [name, isTraining]), chosen]);
      if (now === form) return;
      form = now;
      box.hidden = entries.length < 2;
      filter.hidden = entries.length <= manyRuns;
      title.textContent = `Runs: ${chosen.length} of ${entries.length} shown${chosen.length >= most ? `, the most that fit` : ''}`;
      draw();
    },
  };
}
