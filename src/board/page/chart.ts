/** One chart: a figure with its curves, what they are at the cursor in words, and the numbers in a table. */
import uPlot from 'uplot';
import { alignedData, type Curve } from './curves.js';
import { element } from './element.js';
import { duration, shortNumber } from './numbers.js';
import { handlePinch } from './pinch.js';
import type { Axis, View } from './view.js';

export interface ChartOptions {
  readonly title: string;
  readonly unit: string;
  readonly format: (value: number | null | undefined) => string;
  /** Shares, which are drawn from 0 to 1. */
  readonly isShare?: boolean;
  /** All charts show the same stretch. */
  readonly onZoom: (zoom: View['zoom']) => void;
}

const height = 240;
const mostTableRows = 20;
/** Of the stretch that is shown, by a key. */
const step = 1 / 50;

export class Chart {
  readonly figure: HTMLElement;
  private readonly plotted: HTMLElement;
  private readonly summary = element('p', { class: 'summary' });
  private readonly spoken = element('p', { class: 'hidden', role: 'status' });
  private readonly readout = element('ul', { class: 'readout' });
  private readonly numbers = element('details', { class: 'numbers' }, element('summary', {}, 'Numbers'));
  private plot: uPlot | null = null;
  private curves: readonly Curve[] = [];
  private view: View | null = null;
  /** What a plot is made anew for. */
  private form = '';
  private isVisible = false;

  constructor(private readonly options: ChartOptions) {
    const id = `chart-${options.title.replaceAll(/\W+/g, '-').toLowerCase()}`;
    this.summary.id = `${id}-summary`;
    this.plotted = element('div', {
      class: 'plot',
      tabindex: 0,
      role: 'application',
      'aria-roledescription': 'chart',
      'aria-label': `${options.title}: chart. Arrow keys read values, plus and minus zoom, 0 shows all.`,
      'aria-describedby': this.summary.id,
      onkeydown: (event) => this.handleKey(event as KeyboardEvent),
    });
    this.figure = element(
      'figure',
      { class: 'chart' },
      element('figcaption', {}, element('h3', {}, options.title), element('span', { class: 'unit' }, options.unit)),
      this.plotted,
      this.readout,
      this.summary,
      this.spoken,
      this.numbers,
    );
    this.numbers.addEventListener('toggle', () => this.fillNumbers());
    new ResizeObserver(() => this.plot?.setSize({ width: this.plotted.clientWidth, height })).observe(this.plotted);
    // What is out of sight costs nothing while a run goes on.
    new IntersectionObserver(
      (entries) => {
        this.isVisible = entries.some(({ isIntersecting }) => isIntersecting);
        if (this.isVisible) this.draw();
      },
      { rootMargin: '200px' },
    ).observe(this.plotted);
    handlePinch(this.plotted, {
      bounds: () => this.bounds(),
      zoomTo: (from, to) => this.zoomTo(from, to),
      whole: () => this.extent(),
    });
  }

  show(curves: readonly Curve[], view: View): void {
    this.curves = curves;
    this.view = { ...view };
    this.tell();
    this.fillNumbers();
    if (this.isVisible) this.draw();
  }

  /** With the colours that are in force now. */
  redraw(): void {
    this.form = '';
    if (this.isVisible) this.draw();
  }

  private draw(): void {
    const { view, curves } = this;
    if (view === null) return;
    const form = JSON.stringify([
      view.axis,
      view.isLog,
      curves.map(({ label, kind, colour }) => [label, kind, colour]),
    ]);
    const data = alignedData(curves);
    if (form !== this.form) {
      this.plot?.destroy();
      this.plot = new uPlot(this.plotOptions(view), data, this.plotted);
      this.form = form;
    } else this.plot!.setData(data, false);
    const [from, to] = view.zoom ?? this.extent();
    this.plot!.setScale('x', { min: from, max: to > from ? to : from + 1 });
  }

  private plotOptions({ axis, isLog }: View): uPlot.Options {
    const colours = getComputedStyle(this.plotted);
    const ink = colours.getPropertyValue('--ink-soft');
    const axisStyle = {
      stroke: ink,
      grid: { stroke: colours.getPropertyValue('--grid'), width: 1 },
      ticks: { show: false },
    };
    return {
      width: Math.max(200, this.plotted.clientWidth),
      height,
      scales: { x: { time: false }, y: this.scaleOfValues(isLog) },
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      axes: [
        { ...axisStyle, space: 70, values: (_, ticks) => ticks.map((tick) => placeText(axis, tick, true)) },
        {
          ...axisStyle,
          size: 58,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : this.options.format(tick))),
        },
      ],
      series: [{}, ...this.curves.map((curve) => seriesOf(curve, colours))],
      bands: this.bands(colours),
      hooks: {
        setCursor: [() => this.readAtCursor()],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width < 4) return;
            this.zoomTo(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
        ready: [(plot) => plot.over.addEventListener('dblclick', () => this.options.onZoom(null))],
      },
    };
  }

  private scaleOfValues(isLog: boolean): uPlot.Scale {
    if (this.options.isShare) return { range: [0, 1] };
    return isLog ? { distr: 3 } : {};
  }

  /** Each share is filled down to the one below. */
  private bands(colours: CSSStyleDeclaration): uPlot.Band[] {
    return this.curves.flatMap(({ kind }, i) =>
      kind === 'area' && i > 0 ? [{ series: [i + 1, i], fill: colours.getPropertyValue(`--phase-${i}`) }] : [],
    ) as uPlot.Band[];
  }

  /** The stretch that is shown. */
  private bounds(): readonly [number, number] {
    return this.view?.zoom ?? this.extent();
  }

  /** All that there is. */
  private extent(): readonly [number, number] {
    const ends = this.curves.filter(({ x }) => x.length > 0);
    if (ends.length === 0) return [0, 1];
    return [Math.min(...ends.map(({ x }) => x[0]!)), Math.max(...ends.map(({ x }) => x[x.length - 1]!))];
  }

  private zoomTo(from: number, to: number): void {
    const [least, most] = this.extent();
    const [begin, end] = [Math.max(least, from), Math.min(most, to)];
    if (end - begin < (most - least) * 1e-6) return;
    this.options.onZoom(begin <= least && end >= most ? null : [begin, end]);
  }

  private handleKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.plot === null) return;
    const [from, to] = this.bounds();
    const wide = to - from;
    const at = this.cursorPlace() ?? (from + to) / 2;
    const actions: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => (event.shiftKey ? this.pan(-wide / 4) : this.moveCursor(at - wide * step)),
      ArrowRight: () => (event.shiftKey ? this.pan(wide / 4) : this.moveCursor(at + wide * step)),
      Home: () => this.moveCursor(from),
      End: () => this.moveCursor(to),
      '+': () => this.zoomTo(at - wide / 4, at + wide / 4),
      '=': () => this.zoomTo(at - wide / 4, at + wide / 4),
      '-': () => this.zoomTo(at - wide, at + wide),
      '0': () => this.options.onZoom(null),
      Escape: () => this.options.onZoom(null),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  private pan(by: number): void {
    const [from, to] = this.bounds();
    const [least, most] = this.extent();
    const moved = Math.min(Math.max(by, least - from), most - to);
    this.zoomTo(from + moved, to + moved);
  }

  private cursorPlace(): number | null {
    const { plot } = this;
    const left = plot?.cursor.left ?? -1;
    return plot === null || left < 0 ? null : plot.posToVal(left, 'x');
  }

  private moveCursor(to: number): void {
    const { plot } = this;
    if (plot === null) return;
    const [from, end] = this.bounds();
    plot.setCursor({ left: plot.valToPos(Math.min(end, Math.max(from, to)), 'x'), top: plot.over.clientHeight / 2 });
    this.spoken.textContent = this.told().join('; ');
  }

  private readAtCursor(): void {
    this.readout.replaceChildren(...this.readoutItems(this.cursorPlace()));
  }

  private readoutItems(at: number | null): HTMLElement[] {
    const place = at === null || this.view === null ? null : element('li', {}, placeText(this.view.axis, at, false));
    const items = this.legend().map((curve) =>
      element(
        'li',
        {},
        element('span', {
          class: `mark ${curve.kind} ${curve.kind === 'area' ? 'phase' : 'run'}-${curve.colour}`,
          'aria-hidden': 'true',
        }),
        `${curve.label} `,
        element('b', {}, this.options.format(valueAt(curve, at))),
      ),
    );
    return place === null ? items : [place, ...items];
  }

  /** What the cursor is at, in words. */
  private told(): string[] {
    const at = this.cursorPlace();
    if (at === null || this.view === null) return [];
    const values = this.legend().map((curve) => `${curve.label} ${this.options.format(valueAt(curve, at))}`);
    return [placeText(this.view.axis, at, false), ...values];
  }

  /** A curve and its noise are one. */
  private legend(): readonly Curve[] {
    return this.curves.filter(({ kind }) => kind !== 'raw');
  }

  private tell(): void {
    this.readout.replaceChildren(...this.readoutItems(this.cursorPlace()));
    const { axis } = this.view!;
    const sentences = this.legend().map((curve) => sentenceOf(curve, axis, this.options.format));
    this.summary.textContent = sentences.length === 0 ? 'No values yet.' : sentences.join(' ');
  }

  private fillNumbers(): void {
    if (!this.numbers.open || this.view === null) return;
    const { axis } = this.view;
    const tables = this.legend().map((curve) => {
      const rows = evenly(curve.x.length, mostTableRows).map((i) =>
        element(
          'tr',
          {},
          element('th', { scope: 'row' }, placeText(axis, curve.x[i]!, false)),
          element('td', {}, this.options.format((curve.told ?? curve.y)[i])),
        ),
      );
      return element('table', {}, element('caption', {}, curve.label), element('tbody', {}, ...rows));
    });
    this.numbers.replaceChildren(this.numbers.firstElementChild!, element('div', { class: 'tables' }, ...tables));
  }
}

function seriesOf({ label, kind, colour }: Curve, colours: CSSStyleDeclaration): uPlot.Series {
  const isArea = kind === 'area';
  const stroke = colours.getPropertyValue(isArea ? `--phase-${colour}` : `--run-${colour}`);
  if (isArea)
    return {
      label,
      stroke,
      width: 1,
      spanGaps: true,
      points: { show: false },
      ...(colour === 0 ? { fill: stroke } : {}),
    };
  if (kind === 'raw') return { label, stroke: `${stroke.trim()}50`, width: 1, points: { show: false } };
  if (kind === 'marks') return { label, stroke, width: 2, dash: [6, 4], points: { show: true, size: 6, fill: stroke } };
  return { label, stroke, width: 1.75, points: { show: false } };
}

function placeText(axis: Axis, place: number, isShort: boolean): string {
  if (axis === 'time') return place === 0 ? '0' : duration(place);
  return isShort ? shortNumber(place) : `step ${Math.round(place).toLocaleString('en')}`;
}

/** The value of the point that is nearest; of the last one where there is no place. */
function valueAt({ x, y, told = y }: Curve, at: number | null): number | null | undefined {
  if (at === null) return told.findLast((value) => value !== null);
  let low = 0;
  for (let high = x.length - 1; low < high; ) {
    const middle = (low + high) >>> 1;
    if (x[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - x[low - 1]! < x[low]! - at ? told[low - 1] : told[low];
}

function sentenceOf({ label, x, y, told = y }: Curve, axis: Axis, format: ChartOptions['format']): string {
  let least = -1;
  let most = -1;
  let last = -1;
  told.forEach((value, i) => {
    if (value === null) return;
    if (least < 0 || value < told[least]!) least = i;
    if (most < 0 || value > told[most]!) most = i;
    last = i;
  });
  if (last < 0) return `${label}: no values.`;
  const at = (i: number) => `${format(told[i])} at ${placeText(axis, x[i]!, false)}`;
  if (least === most) return `${label}: ${at(last)}.`;
  return `${label}: lowest ${at(least)}, highest ${at(most)}, last ${format(told[last])}.`;
}

/** Of `length` places, the first, the last, and some between. */
function evenly(length: number, most: number): number[] {
  if (length <= most) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * (length - 1)) / (most - 1)));
}
