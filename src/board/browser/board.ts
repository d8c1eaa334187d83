/** The page: which runs are shown, how, and what is drawn anew when something changes. */
import type { NewRows, RunData, RunEntry } from '../board-data.js';
import { captionsOf } from './captions.js';
import { Chart, type ChartOptions } from './chart.js';
import { configOf, differencesOf } from './config.js';
import { type Curve, curvesOf, phaseCurves } from './curves.js';
import { element, swatch } from './element.js';
import { evaluationOf } from './evaluation.js';
import { formatShare, metricsOf } from './metrics.js';
import { overviewOf } from './overview.js';
import { runPicker } from './run-picker.js';
import { type Source, sourceFor } from './source.js';
import { toolbar } from './toolbar.js';
import { joined, type ShownRun, type View, wholeOf } from './view.js';

/** Runs over one another; there are as many colours. */
export const mostTogether = 8;
/** Milliseconds without a move after which a stretch is asked for: a pinch has many moves. */
const still = 150;

export class Board {
  private readonly view: View = { axis: 'step', isLog: false, smoothing: 0.3, zoom: null, whole: [0, 1] };
  private entries: readonly RunEntry[] = [];
  private wanted: readonly string[] | null = null;
  private readonly runs = new Map<string, ShownRun>();
  private readonly charts = new Map<string, Chart>();
  private readonly source: Source;
  /** Whose captions, evaluation and config are shown. */
  private told: string | null = null;
  /** What is shown of it, to be made anew when it is another. */
  private toldForm = '';
  private isDue = false;
  /** Until a stretch is asked for in more detail. */
  private waiting: ReturnType<typeof setTimeout> | undefined;
  /** Counts the stretches: answers about an earlier one are of no use. */
  private stretches = 0;

  private readonly live = element('p', { class: 'live', role: 'status' });
  private readonly picker = runPicker(mostTogether, (names) => this.want(names));
  private readonly tools = toolbar(this.view, () => this.changeView());
  private readonly cards = element('div', { class: 'cards' });
  private readonly notices = element('div');
  private readonly figures = element('div', { class: 'charts' });
  private readonly compared = section('Where their configs differ');
  private readonly details = element('div');
  private readonly empty = element('p', { class: 'empty' });

  constructor(root: HTMLElement) {
    this.source = sourceFor({
      runs: (entries) => this.takeEntries(entries),
      run: (data) => this.takeRun(data),
      rows: (rows) => this.takeRows(rows),
      connected: (isLive) => this.tellConnection(isLive),
    });
    const stand = section('Runs');
    stand.append(this.cards);
    const curves = section('Curves');
    curves.append(this.tools.element, this.figures);
    root.append(
      element('header', {}, element('h1', {}, 'recap board'), this.live),
      element('main', {}, this.picker.element, this.empty, stand, this.notices, curves, this.compared, this.details),
      element('footer', {}, element('p', { class: 'note' }, this.source.about)),
    );
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      for (const chart of this.charts.values()) chart.redraw();
    });
    addEventListener('popstate', () => this.want(this.firstChoice(), false));
  }

  private takeEntries(entries: readonly RunEntry[]): void {
    this.entries = entries;
    if (this.wanted === null && this.firstChoice().length > 0) this.want(this.firstChoice(), false);
    this.picker.show(entries, this.wanted ?? []);
    const missing = (this.wanted ?? []).filter((name) => entries.every((entry) => entry.name !== name));
    if (entries.length === 0)
      this.empty.textContent = 'No runs yet. recap train makes one, and it appears here by itself.';
    else this.empty.textContent = missing.map((name) => `There is no run ${name}.`).join(' ');
  }

  /** What the address names, or else the run that was trained last; a file shows all that fit. */
  private firstChoice(): string[] {
    return namesInAddress() ?? this.entries.slice(0, this.source.isLive ? 1 : mostTogether).map(({ name }) => name);
  }

  private want(names: readonly string[], isStep = true): void {
    this.wanted = names.slice(0, mostTogether);
    for (const name of this.runs.keys()) if (!this.wanted.includes(name)) this.runs.delete(name);
    if (isStep && this.source.isLive) {
      const wanted = new URLSearchParams(this.wanted.map((name) => ['run', name]));
      history.pushState(null, '', `?${wanted}`);
    }
    this.zoom(null);
    this.picker.show(this.entries, this.wanted);
    this.source.want(this.wanted);
  }

  private takeRun(data: RunData): void {
    const before = this.runs.get(data.name);
    if (before === undefined) this.runs.set(data.name, { data, colour: this.freeColour(), zoomed: null });
    else before.data = data;
    // It may have been cut back: what is shown in more detail is asked for again.
    this.refine();
    this.schedule();
  }

  private takeRows({ name, steps }: NewRows): void {
    const run = this.runs.get(name);
    if (run === undefined) return;
    run.data = { ...run.data, steps: joined(run.data.steps, steps) };
    this.schedule();
  }

  private freeColour(): number {
    const taken = new Set([...this.runs.values()].map(({ colour }) => colour));
    for (let colour = 0; ; colour++) if (!taken.has(colour)) return colour;
  }

  private tellConnection(isLive: boolean): void {
    this.live.textContent = isLive ? 'live' : 'The server does not answer; trying again.';
    this.live.classList.toggle('lost', !isLive);
  }

  /** Once a frame, however much comes. */
  private schedule(): void {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw();
    });
  }

  /** In the order in which they were chosen. */
  private shown(): ShownRun[] {
    return (this.wanted ?? []).flatMap((name) => this.runs.get(name) ?? []);
  }

  private draw(): void {
    const runs = this.shown();
    document.title = ['recap board', ...runs.map(({ data }) => data.name)].join(' · ');
    this.cards.replaceChildren(...overviewOf(runs));
    this.drawNotices(runs);
    this.drawCharts(runs);
    this.compared.hidden = runs.length < 2;
    if (runs.length > 1) this.compared.replaceChildren(this.compared.firstElementChild!, differencesOf(runs));
    this.drawDetails(runs);
  }

  private drawNotices(runs: readonly ShownRun[]): void {
    // A step that no JSON can hold, such as 1e999 in a log, comes as null.
    const placed = (step: number | null) => (typeof step === 'number' ? ` at step ${step.toLocaleString('en')}` : '');
    const items = runs.flatMap(({ data, colour }) =>
      data.notices.map(({ step, kind, message }) =>
        element('li', {}, swatch(colour), element('b', {}, kind), `${placed(step)}: ${message}`),
      ),
    );
    const list = element('ul', { class: 'notices' }, ...items);
    this.notices.replaceChildren(...(items.length > 0 ? [element('h2', {}, 'Notices'), list] : []));
  }

  private drawCharts(runs: readonly ShownRun[]): void {
    const drawn = new Set<string>();
    this.view.whole = wholeOf(runs, this.view.axis);
    const draw = (options: Omit<ChartOptions, 'onZoom'>, curves: readonly Curve[]) => {
      let chart = this.charts.get(options.title);
      if (chart === undefined) {
        chart = new Chart({ ...options, onZoom: (zoom) => this.zoom(zoom) });
        this.charts.set(options.title, chart);
      }
      drawn.add(options.title);
      if (chart.figure.parentNode === null) this.figures.append(chart.figure);
      chart.show(curves, this.view);
    };
    for (const metric of metricsOf(runs)) draw(metric, curvesOf(metric, runs, this.view));
    for (const run of runs) {
      const curves = phaseCurves(run, this.view);
      const title = runs.length > 1 ? `Phases of a step, ${run.data.name}` : 'Phases of a step';
      const options = { title, unit: 'shares of its time', format: formatShare, isShare: true };
      if (curves.length > 0) draw(options, curves);
    }
    for (const [title, chart] of this.charts) {
      if (drawn.has(title)) continue;
      chart.figure.remove();
      this.charts.delete(title);
    }
    // Where metrics came later than others, the figures stand in their order all the same.
    const order = [...drawn].map((title) => this.charts.get(title)!.figure);
    if (order.some((figure, i) => this.figures.children[i] !== figure)) this.figures.replaceChildren(...order);
  }

  private changeView(): void {
    if (this.view.zoom === null) this.zoom(null);
    else this.schedule();
  }

  private zoom(zoom: View['zoom']): void {
    const before = this.view.zoom;
    const isWithin = before !== null && zoom !== null && before[0] <= zoom[0] && zoom[1] <= before[1];
    if (!isWithin) for (const run of this.runs.values()) run.zoomed = null;
    this.view.zoom = zoom;
    this.tools.show(this.view);
    this.refine();
    this.schedule();
  }

  /** Asks for the stretch that is shown in more detail, once it stays. */
  private refine(): void {
    clearTimeout(this.waiting);
    const turn = ++this.stretches;
    const { zoom, axis } = this.view;
    if (zoom === null) return;
    const ask = async (run: ShownRun) => {
      const rows = await this.source.within(run.data.name, axis, ...zoom);
      if (turn !== this.stretches) return;
      run.zoomed = rows?.steps ?? null;
      this.schedule();
    };
    this.waiting = setTimeout(() => {
      for (const run of this.shown()) void ask(run);
    }, still);
  }

  private drawDetails(runs: readonly ShownRun[]): void {
    const run = runs.find(({ data }) => data.name === this.told) ?? runs[0];
    const names = runs.map(({ data }) => data.name);
    const form = run && JSON.stringify([names, { ...run.data, steps: null, validations: null, pictures: null }]);
    if (form === this.toldForm) return;
    this.toldForm = form ?? '';
    if (run === undefined) {
      this.details.replaceChildren();
      return;
    }
    const { data } = run;
    const addressOf = (path: string) => this.source.picture(data, path);
    const parts: [string, HTMLElement][] = [
      ['Captions of validation images', captionsOf(data, addressOf)],
      ['Last evaluation', evaluationOf(data)],
      ['Config, and how to repeat the run', configOf(data)],
    ];
    this.details.replaceChildren(
      ...(names.length > 1 ? [this.chooser(names, data.name)] : []),
      ...parts.map(([title, content]) => {
        const made = section(title);
        made.append(content);
        return made;
      }),
    );
  }

  private chooser(names: readonly string[], chosen: string): HTMLElement {
    const options = names.map((name) => element('option', { value: name, selected: name === chosen }, name));
    const select = element('select', {}, ...options);
    select.addEventListener('change', () => {
      this.told = select.value;
      this.draw();
      this.details.querySelector('select')?.focus();
    });
    return element('p', { class: 'chooser' }, element('label', {}, 'Below, all about ', select));
  }
}

function section(title: string): HTMLElement {
  return element('section', {}, element('h2', {}, title));
}

function namesInAddress(): string[] | null {
  const names = new URLSearchParams(location.search).getAll('run');
  return names.length > 0 ? names : null;
}
