/** One chart: a figure with its curves, what they are at the cursor in words, and the numbers in a table. */
import uPlot from 'uplot';
import { alignedData, type Curve } from './curves.js';
import { axesOf, bandsOf, seriesOf } from './drawing.js';
import { element } from './element.js';
import { handlePinch } from './pinch.js';
import { evenly, placeText, sentenceOf, stretchOf, valueAt } from './reading.js';
import type { View } from './view.js';

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
  /** Told of the chart also while it is out of sight. */
  private readonly summary = element('p');
  private readonly spoken = element('p', { class: 'hidden', role: 'status' });
  private readonly readout = element('ul', { class: 'readout' });
  private readonly tables = element('div', { class: 'tables' });
  private readonly numbers = element(
    'details',
    { class: 'numbers' },
    element('summary', {}, 'In words and numbers'),
    this.summary,
    this.tables,
  );
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
    return {
      width: Math.max(200, this.plotted.clientWidth),
      height,
      scales: { x: { time: false }, y: this.scaleOfValues(isLog) },
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      axes: axesOf(axis, this.options.format, colours),
      series: [{}, ...this.curves.map((curve) => seriesOf(curve, colours))],
      bands: bandsOf(this.curves, colours),
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

  /** The stretch that is shown. */
  private bounds(): readonly [number, number] {
    return this.view?.zoom ?? this.extent();
  }

  /** All that there is, of all charts alike. */
  private extent(): readonly [number, number] {
    return this.view?.whole ?? [0, 1];
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

  /** What is shown of each; a curve and its noise are one. */
  private legend(): readonly Curve[] {
    const curves = this.curves.filter(({ kind }) => kind !== 'raw');
    const zoom = this.view?.zoom ?? null;
    return zoom === null ? curves : curves.map((curve) => stretchOf(curve, zoom));
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
    this.tables.replaceChildren(...tables);
  }
}
