/** What one page is told as it happens: the runs there are, all of those it shows, and then their new steps. */
import type { ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { RunCatalog } from './run-catalog.js';
import type { WatchedRun } from './watched-run.js';

/** Milliseconds between two looks; a run writes its log once a second. */
const interval = 1000;

/** What the page has of a run. */
interface Told {
  readonly run: WatchedRun;
  readonly version: string;
  /** Rows of the log, and points of a curve. */
  readonly rows: number;
  readonly points: number;
}

export class EventStream {
  private readonly told = new Map<string, Told>();
  private toldRuns = '';
  private readonly end = new AbortController();

  /** @param wanted names of runs */
  constructor(
    private readonly catalog: RunCatalog,
    private readonly wanted: readonly string[],
    private readonly points: number,
    private readonly response: ServerResponse,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    this.response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    // A page whose connection is lost comes back soon.
    this.response.write('retry: 2000\n\n');
    void this.run();
  }

  stop(): void {
    this.end.abort();
  }

  private async run(): Promise<void> {
    const { signal } = this.end;
    while (!signal.aborted) {
      try {
        await this.tell();
      } catch (error) {
        this.onError(error);
      }
      await setTimeout(interval, undefined, { signal }).catch(() => {});
    }
  }

  private async tell(): Promise<void> {
    // A page that is slow to read is told later, and then all of it.
    if (this.response.writableNeedDrain) return;
    const entries = this.catalog.entries();
    // Each line of a log changes the time of its run, which is not worth telling.
    const runs = JSON.stringify(entries.map(({ name, isTraining }) => [name, isTraining]));
    if (runs !== this.toldRuns) this.send('runs', entries);
    this.toldRuns = runs;
    for (const name of this.wanted) {
      const found = this.catalog.find(name);
      if (found === undefined) continue;
      const run = await this.catalog.watch(found);
      if (this.end.signal.aborted) return;
      this.tellRun(run);
    }
    // A client that is gone is noticed by what is sent to it.
    this.response.write(': \n\n');
  }

  private tellRun(run: WatchedRun): void {
    const { version, rows } = run;
    const { name } = run.found;
    const last = this.told.get(name);
    const told = last?.run === run ? last : undefined;
    if (told !== undefined && told.version === version && rows === told.rows) return;
    const come = told === undefined ? 0 : rows - told.rows;
    // A page that was told many steps one by one is given all of them anew, thinned.
    const isWhole = told === undefined || told.version !== version || come < 0 || told.points + come > 2 * this.points;
    if (isWhole) this.send('run', run.data(this.points));
    else this.send('rows', run.newRows(told.rows, this.points));
    this.told.set(name, { run, version, rows, points: isWhole ? Math.min(rows, this.points) : told.points + come });
  }

  private send(event: string, data: unknown): void {
    this.response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
