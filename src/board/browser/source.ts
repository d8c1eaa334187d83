/** Where runs come from: a server that tells what is new, or the file itself. */
import type { BoardData, NewRows, RunData, RunEntry } from '../board-data.js';
import type { Axis } from './view.js';

/** Told to the page. */
export interface Listener {
  runs(entries: readonly RunEntry[]): void;
  /** All of a run, the first time or anew. */
  run(data: RunData): void;
  rows(rows: NewRows): void;
  /** Whether what comes is what there is. */
  connected(isLive: boolean): void;
}

export interface Source {
  /** Such as "live". */
  readonly isLive: boolean;
  /** In words, under the title. */
  readonly about: string;
  /** From now on these runs are wanted. */
  want(names: readonly string[]): void;
  /** A stretch in more detail; null where there is none. */
  within(name: string, axis: Axis, from: number, to: number): Promise<NewRows | null>;
  /** Address of a picture; null where there is none. */
  picture(run: RunData, path: string): string | null;
}

export function sourceFor(listener: Listener): Source {
  const embedded = document.getElementById('data');
  return embedded === null ? new ServerSource(listener) : new FileSource(JSON.parse(embedded.textContent!), listener);
}

class FileSource implements Source {
  readonly isLive = false;
  readonly about: string;

  constructor(
    private readonly data: BoardData,
    private readonly listener: Listener,
  ) {
    this.about = `Written by recap ${data.version} on ${data.written.slice(0, 16).replace('T', ' ')} UTC.`;
    const entries = data.runs.map(({ name }) => ({ name, isTraining: false, changed: null }));
    // After whoever makes this has it.
    queueMicrotask(() => listener.runs(entries));
  }

  want(names: readonly string[]): void {
    for (const run of this.data.runs) if (names.includes(run.name)) this.listener.run(run);
  }

  async within(): Promise<null> {
    return null;
  }

  picture(run: RunData, path: string): string | null {
    return run.pictures[path] ?? null;
  }
}

class ServerSource implements Source {
  readonly isLive = true;
  readonly about = '';
  private events: EventSource | null = null;

  constructor(private readonly listener: Listener) {
    this.want([]);
  }

  want(names: readonly string[]): void {
    this.events?.close();
    const events = new EventSource(`/events?${new URLSearchParams(names.map((name) => ['run', name]))}`);
    this.events = events;
    const listen = <T>(type: string, tell: (data: T) => void) =>
      events.addEventListener(type, ({ data }) => {
        if (this.events === events) tell(JSON.parse(data) as T);
      });
    listen<RunEntry[]>('runs', (entries) => this.listener.runs(entries));
    listen<RunData>('run', (data) => this.listener.run(data));
    listen<NewRows>('rows', (rows) => this.listener.rows(rows));
    events.addEventListener('open', () => this.listener.connected(true));
    events.addEventListener('error', () => {
      if (this.events !== events) return;
      this.listener.connected(false);
      // A browser does not come back of itself where it was refused.
      if (events.readyState === EventSource.CLOSED) setTimeout(() => this.events === events && this.want(names), 5000);
    });
  }

  async within(name: string, axis: Axis, from: number, to: number): Promise<NewRows | null> {
    const wanted = new URLSearchParams({ run: name, axis, from: String(from), to: String(to) });
    try {
      const response = await fetch(`/rows?${wanted}`);
      return response.ok ? ((await response.json()) as NewRows) : null;
    } catch {
      return null;
    }
  }

  picture({ name }: RunData, path: string): string {
    return `/picture?${new URLSearchParams({ run: name, path })}`;
  }
}
