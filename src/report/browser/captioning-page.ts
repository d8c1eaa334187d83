/** The page on which one gives a photo and reads its captions, whatever writes them. */
import { darkest } from '../attention-page.js';

/** The captions of a photo, and where each word of the best one looked. */
export interface Answer {
  /** The best first. */
  readonly captions: readonly { readonly caption: string; readonly logProbability: number }[];
  readonly attention?: Attention;
}

interface Attention {
  /** The address of what was looked at. */
  readonly picture: string;
  /** Cells of a row. */
  readonly side: number;
  readonly words: readonly Look[];
}

interface Look {
  readonly word: string;
  /** (side²) cells row by row, which sum to 1. */
  readonly weights: ArrayLike<number>;
}

/** @throws Error whose message is for people */
export type CaptionsPhoto = (photo: File, signal: AbortSignal) => Promise<Answer>;

export class CaptioningPage {
  private underWay: AbortController | null = null;
  private photo: File | null = null;

  constructor(private readonly captions: CaptionsPhoto) {
    for (const [button, input] of [
      ['choose', 'file'],
      ['take', 'camera'],
    ] as const) {
      const files = element<HTMLInputElement>(input);
      element(button).addEventListener('click', () => files.click());
      files.addEventListener('change', () => {
        this.show(files.files?.[0]);
        // The same photo again is a change too.
        files.value = '';
      });
    }
    for (const name of ['dragover', 'dragleave', 'drop'] as const) {
      document.addEventListener(name, (event) => {
        event.preventDefault();
        element('choose').classList.toggle('over', name === 'dragover');
        if (name === 'drop') this.show(event.dataTransfer?.files[0]);
      });
    }
    document.addEventListener('paste', (event) => this.show(event.clipboardData?.files[0]));
  }

  /** Captions the photo that is shown once more. */
  again(): void {
    if (this.photo) void this.caption(this.photo);
  }

  /** Says something before the first photo. */
  notice(text: string, isError = false): void {
    if (this.photo === null) this.say(text, isError);
  }

  private say(text: string, isError = false): void {
    element('status').textContent = text;
    element('status').className = isError ? 'error' : '';
  }

  private show(photo: File | undefined): void {
    if (!photo) return;
    const preview = element<HTMLImageElement>('preview');
    URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(photo);
    preview.alt = `The photo ${photo.name}`;
    preview.hidden = false;
    this.photo = photo;
    void this.caption(photo);
  }

  private async caption(photo: File): Promise<void> {
    this.underWay?.abort();
    const own = new AbortController();
    this.underWay = own;
    for (const name of ['captions', 'looks']) element(name).replaceChildren();
    for (const name of ['captions', 'looked']) element(name).hidden = true;
    this.say(`Captioning ${photo.name} …`);
    try {
      const largest = Number(document.querySelector('main')?.dataset.largest);
      if (photo.size > largest) throw new Error(`More than ${largest >> 20} MB, which is the most that is read.`);
      const answer = await this.captions(photo, own.signal);
      if (own === this.underWay) this.answered(answer);
    } catch (error) {
      if (own === this.underWay) this.say((error as Error).message, true);
    }
  }

  private answered({ captions, attention }: Answer): void {
    const [best] = captions;
    this.say(best!.caption || '(a caption without words)');
    element<HTMLImageElement>('preview').alt = best!.caption;
    if (captions.length > 1) {
      element('captions').hidden = false;
      element('captions').replaceChildren(...captions.map(itemOf));
    }
    if (attention) {
      element('looks').replaceChildren(...attention.words.map((look) => figureOf(look, attention)));
      element('looked').hidden = false;
    }
  }
}

function itemOf({ caption, logProbability }: Answer['captions'][number]): HTMLElement {
  const item = document.createElement('li');
  const note = document.createElement('small');
  note.textContent = ` log probability ${logProbability.toFixed(2)}`;
  item.append(caption, note);
  return item;
}

function figureOf({ word, weights }: Look, { picture, side }: Attention): HTMLElement {
  const label = placeOf(weights, side);
  const drawing = svgElement('svg', { viewBox: `0 0 ${side} ${side}`, role: 'img', 'aria-label': label });
  drawing.append(svgElement('image', { href: picture, width: side, height: side, preserveAspectRatio: 'none' }));
  const largest = largestOf(weights);
  Array.from(weights).forEach((weight, cell) => {
    const place = { x: cell % side, y: Math.floor(cell / side), width: 1, height: 1 };
    drawing.append(svgElement('rect', { ...place, opacity: (darkest * (1 - weight / largest)).toFixed(2) }));
  });
  const figure = document.createElement('figure');
  const text = document.createElement('figcaption');
  text.textContent = word;
  figure.append(drawing, text);
  return figure;
}

function placeOf(weights: ArrayLike<number>, side: number): string {
  const largest = largestOf(weights);
  const cell = Array.from(weights).indexOf(largest);
  const [row, column] = [Math.floor(cell / side) + 1, (cell % side) + 1];
  return `looked most at row ${row}, column ${column} of ${side} (${Math.round(100 * largest)}%)`;
}

function largestOf(weights: ArrayLike<number>): number {
  return Math.max(...Array.from(weights));
}

function element<Kind extends HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

function svgElement(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name) as SVGElement;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
