/** Captions of the images that a run shows at its validations: as they are, and how they came to be so. */
import { darkest } from '../../report/attention-page.js';
import type { Look, RunData, Sample } from '../board-data.js';
import { commandBlock } from './config.js';
import { element, svgElement } from './element.js';
import { shortNumber } from './numbers.js';

/** Captions of an image that are shown before one asks for all. */
const shownFirst = 6;

/** An image with the captions that it has had. */
interface History {
  readonly latest: Sample;
  readonly captions: { readonly from: number; to: number; readonly text: string }[];
}

/** Where each word looked is in the log of few runs, and can be drawn for all with attention. */
function attentionNote({ config, samples, commands }: RunData): HTMLElement | null {
  const attention = (config as { model?: { attention?: unknown } } | null)?.model?.attention;
  const isLogged = samples.some((some) => some.samples.some((sample) => sample.attention !== null));
  if (typeof attention !== 'string' || attention === 'none' || isLogged) return null;
  return element(
    'div',
    {},
    element(
      'p',
      { class: 'empty' },
      'The model looks at the image, and the log does not say where. This draws it for photos:',
    ),
    commandBlock(commands.attention),
  );
}

/** @param addressOf of a picture in the run's folder; null where there is none */
export function captionsOf(data: RunData, addressOf: (path: string) => string | null): HTMLElement {
  const { samples } = data;
  const content = element('div', { class: 'samples' });
  if (samples.length === 0) {
    content.append(
      element('p', { class: 'empty' }, 'No captions yet: a validation writes some (validate.captions in the config).'),
    );
    return content;
  }
  for (const history of historiesOf(data)) content.append(articleOf(history, addressOf));
  const note = attentionNote(data);
  return note === null ? content : element('div', {}, content, note);
}

function historiesOf({ samples }: RunData): History[] {
  const histories = new Map<string, History>();
  for (const { step, samples: some } of samples) {
    for (const sample of some) {
      const before = histories.get(sample.image);
      const captions = before?.captions ?? [];
      const last = captions.at(-1);
      if (last?.text === sample.caption) last.to = step;
      else captions.push({ from: step, to: step, text: sample.caption });
      histories.set(sample.image, { latest: sample, captions });
    }
  }
  return [...histories.values()];
}

function articleOf({ latest, captions }: History, addressOf: (path: string) => string | null): HTMLElement {
  const address = latest.thumbnail === null ? null : addressOf(latest.thumbnail);
  const probability = latest.logProbability === null ? '' : `log probability ${latest.logProbability.toFixed(2)}`;
  return element(
    'article',
    { class: 'card sample' },
    address === null ? null : pictureOf(address, latest),
    element(
      'div',
      {},
      element('h3', {}, `Image ${latest.image}`),
      element('p', { class: 'caption' }, latest.caption === '' ? '(no words)' : latest.caption),
      element('p', { class: 'note' }, probability),
      latest.truth === null ? null : element('p', {}, element('span', { class: 'note' }, 'true '), latest.truth),
      latest.source === null ? null : element('p', { class: 'note source' }, latest.source),
      captions.length > 1 ? historyOf(captions) : null,
    ),
    latest.attention === null || address === null ? null : looksOf(latest.attention, address),
  );
}

function pictureOf(address: string, { image, caption }: Sample): HTMLElement {
  const picture = element('img', { src: address, alt: `Image ${image}: ${caption}`, loading: 'lazy' });
  picture.addEventListener('error', () =>
    picture.replaceWith(element('p', { class: 'note' }, 'The picture is not there.')),
  );
  return picture;
}

/** The newest first; words that the caption before did not have are marked. */
function historyOf(captions: History['captions']): HTMLElement {
  const items = captions.map(({ from, to, text }, i) =>
    element(
      'li',
      {},
      element(
        'span',
        { class: 'note' },
        from === to ? `step ${shortNumber(from)}` : `steps ${shortNumber(from)}–${shortNumber(to)}`,
      ),
      element('span', {}, ...markedWords(text, captions[i - 1]?.text ?? null)),
    ),
  );
  const newest = items.toReversed();
  const rest = newest.slice(shownFirst);
  return element(
    'details',
    { open: true },
    element('summary', {}, `How it changed (${captions.length} captions)`),
    element('ol', { class: 'history' }, ...newest.slice(0, shownFirst)),
    rest.length === 0
      ? null
      : element(
          'details',
          {},
          element('summary', {}, `${rest.length} before`),
          element('ol', { class: 'history' }, ...rest),
        ),
  );
}

function markedWords(text: string, before: string | null): (Node | string)[] {
  const words = text.split(' ');
  if (before === null) return [text];
  const kept = commonWords(before.split(' '), words);
  return words.flatMap((word, i) => [i === 0 ? '' : ' ', kept.has(i) ? word : element('mark', {}, word)]);
}

/** Places in `words` of the longest row of words that both have in this order. */
function commonWords(before: readonly string[], words: readonly string[]): Set<number> {
  const [rows, columns] = [before.length + 1, words.length + 1];
  const lengths = new Uint16Array(rows * columns);
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = words.length - 1; j >= 0; j--) {
      const at = i * columns + j;
      lengths[at] =
        before[i] === words[j] ? lengths[at + columns + 1]! + 1 : Math.max(lengths[at + columns]!, lengths[at + 1]!);
    }
  }
  const kept = new Set<number>();
  for (let i = 0, j = 0; i < before.length && j < words.length; ) {
    if (before[i] === words[j]) {
      kept.add(j++);
      i++;
    } else if (lengths[(i + 1) * columns + j]! >= lengths[i * columns + j + 1]!) i++;
    else j++;
  }
  return kept;
}

/** Where each word looked: the more it looked at a cell, the lighter the cell is. */
function looksOf({ side, words }: Look, address: string): HTMLElement {
  const figures = words.map(({ word, weights }) => {
    const largest = Math.max(...weights);
    const cell = weights.indexOf(largest);
    const place = `row ${Math.floor(cell / side) + 1}, column ${(cell % side) + 1} of ${side}`;
    const drawing = svgElement('svg', {
      viewBox: `0 0 ${side} ${side}`,
      role: 'img',
      'aria-label': `looked most at ${place}`,
    });
    drawing.append(svgElement('image', { href: address, width: side, height: side, preserveAspectRatio: 'none' }));
    weights.forEach((weight, i) => {
      const at = { x: i % side, y: Math.floor(i / side), width: 1, height: 1 };
      drawing.append(svgElement('rect', { ...at, opacity: (darkest * (1 - weight / largest)).toFixed(2) }));
    });
    return element('figure', {}, drawing, element('figcaption', {}, word));
  });
  return element('div', { class: 'looks' }, ...figures);
}
