/** The last evaluation: scores, the best and the worst captions, and what else the search had found for them. */
import type { EvaluatedImage, RunData } from '../board-data.js';
import { commandBlock } from './config.js';
import { element } from './element.js';
import { shortNumber } from './numbers.js';

export function evaluationOf({ evaluation, evaluationProblem, commands }: RunData): HTMLElement {
  if (evaluation === null) {
    const why = evaluationProblem ?? 'No evaluation yet.';
    return element(
      'div',
      {},
      element(
        'p',
        { class: 'empty' },
        `${why} This scores the captions of all validation images, and keeps them with what else the beam had found:`,
      ),
      commandBlock(commands.evaluate),
    );
  }
  const { split, images, search, scores, best, worst } = evaluation;
  const about = [`${images.toLocaleString('en')} images`, split, search].filter((text) => text !== null).join(', ');
  return element(
    'div',
    {},
    element('p', { class: 'note' }, about),
    element(
      'ul',
      { class: 'scores' },
      ...scores.map(({ name, score, interval }) =>
        element(
          'li',
          { class: 'card' },
          element('span', {}, name.replace('Bleu_', 'BLEU-')),
          element('b', {}, shortNumber(score)),
          interval === null ? null : element('span', { class: 'note' }, interval.map(shortNumber).join(' – ')),
        ),
      ),
    ),
    ...listOf('Best captions, by CIDEr', best),
    ...listOf('Worst captions, by CIDEr', worst),
  );
}

function listOf(title: string, images: readonly EvaluatedImage[]): HTMLElement[] {
  if (images.length === 0) return [];
  return [element('h3', {}, title), element('ol', { class: 'evaluated' }, ...images.map(itemOf))];
}

function itemOf({ image, source, caption, scores, alternatives, references }: EvaluatedImage): HTMLElement {
  const others = alternatives.length > 1 ? alternatives : [];
  return element(
    'li',
    { class: 'card' },
    element('p', { class: 'caption' }, caption === '' ? '(no words)' : caption),
    element(
      'p',
      { class: 'note source' },
      `CIDEr ${scores.CIDEr?.toFixed(3) ?? '–'}, image ${image}${source === null ? '' : `, ${source}`}`,
    ),
    references.length === 0
      ? null
      : element(
          'details',
          {},
          element('summary', {}, 'What people wrote'),
          element('ul', {}, ...references.map((text) => element('li', {}, text))),
        ),
    others.length === 0
      ? null
      : element(
          'details',
          {},
          element('summary', {}, `The ${others.length} captions of the search`),
          element(
            'ol',
            {},
            ...others.map(({ text, logProbability }) =>
              element(
                'li',
                {},
                text === '' ? '(no words)' : text,
                logProbability === null
                  ? null
                  : element('span', { class: 'note' }, ` log probability ${logProbability.toFixed(2)}`),
              ),
            ),
          ),
        ),
  );
}
