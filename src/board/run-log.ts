/** What a run's metrics.jsonl says, kept as numbers in columns and read on as it grows. */
import { join } from 'node:path';
import type { Notice, Sample, SampledCaptions } from './board-data.js';
import { NumberLines, numbersOf } from './number-lines.js';
import { Rows } from './rows.js';
import { LineTail } from './tail.js';

/** Records of samples; of more every other one is dropped. */
const mostSamples = 200;
/** Images of one of them, as many as `validate.captions` allows. */
const mostImages = 100;
/** The last ones are kept. */
const mostNotices = 200;
/** Validations that are kept as they are. */
const mostValidations = 2 ** 14;

/** Characters of what a run says. */
const longestText = 2000;

/** Where a record of a step says which it is, and how long it took. */
interface StepPlaces {
  readonly names: readonly string[];
  readonly step: number;
  readonly phases: readonly number[];
  /** Of the captions a second; -1 where it does not say. */
  readonly rate: number;
}

export class RunLog {
  readonly steps = new Rows();
  readonly validations = new Rows(['step', 'time'], mostValidations);
  samples: SampledCaptions[] = [];
  notices: Notice[] = [];
  /** Why the log cannot be read; null where it can. */
  problem: string | null = null;
  /** Counts the times that all was read anew. */
  readings = 0;
  /** Counts what has come beside steps. */
  events = 0;
  private readonly numbers = new NumberLines();
  private readonly tail: LineTail;
  private seconds = 0;
  /** Of the names that came last: those of a log are the same in a million lines. */
  private places: StepPlaces | null = null;

  /**
   * @param dir the run's folder
   * @param captionsOfStep for the time that a step took where its record does not say so
   */
  constructor(
    dir: string,
    private readonly captionsOfStep: number,
  ) {
    this.tail = new LineTail(join(dir, 'metrics.jsonl'), {
      line: (bytes, begin, end) => this.take(bytes, begin, end),
      restarted: () => this.clear(),
    });
  }

  /** Reads what has come, a piece at a time: others have their turn between two. */
  async read(): Promise<void> {
    try {
      while (this.tail.read()) await new Promise((resolve) => setImmediate(resolve));
      this.problem = null;
    } catch (error) {
      this.problem = `metrics.jsonl cannot be read: ${(error as Error).message}`;
    }
  }

  private clear(): void {
    this.steps.clear();
    this.validations.clear();
    this.samples = [];
    this.notices = [];
    this.seconds = 0;
    this.readings++;
  }

  private take(bytes: Uint8Array, begin: number, end: number): void {
    const names = this.numbers.read(bytes, begin, end);
    if (names !== null) {
      this.takeStep(names, this.numbers.values);
      return;
    }
    const line = Buffer.from(bytes.buffer, bytes.byteOffset + begin, end - begin).toString('utf8');
    const record = recordOf(line);
    if (record === null) return;
    if (record.type !== 'step') {
      this.events++;
      this.takeEvent(record);
      return;
    }
    const found = numbersOf(record);
    const all = found.map(([name]) => name);
    this.takeStep(
      all,
      found.map(([, value]) => value),
    );
    this.numbers.learn(line, all);
  }

  private takeStep(names: readonly string[], values: ArrayLike<number>): void {
    if (this.places?.names !== names) this.places = placesIn(names);
    const { step, phases, rate } = this.places;
    // Neither an axis nor a search knows where it would be.
    if (!Number.isFinite(values[step])) return;
    this.steps.append(names, values);
    let taken = 0;
    for (let i = 0; i < phases.length; i++) taken += values[phases[i]!]!;
    if (taken > 0) this.seconds += taken;
    else if (values[rate]! > 0) this.seconds += this.captionsOfStep / values[rate]!;
    this.steps.set('time', this.seconds);
  }

  private takeEvent(record: Readonly<Record<string, unknown>>): void {
    const { type, step } = record;
    if (typeof step !== 'number' || !Number.isFinite(step)) return;
    if (type === 'validation') this.takeValidation(record, step);
    else if (type === 'samples' || type === 'captions') this.takeSamples(record, step);
    else if (type === 'health' || type === 'fault' || type === 'nonFinite') {
      const message = textOf(record.message) ?? textOf(record.fault);
      if (message === null) return;
      this.notices = [...this.notices, { step, kind: textOf(record.kind) ?? type, message }].slice(-mostNotices);
    }
  }

  private takeValidation(record: Readonly<Record<string, unknown>>, step: number): void {
    const found = numbersOf(record).filter(([name]) => name !== 'step');
    this.validations.append(
      ['step', 'time', ...found.map(([name]) => name)],
      [step, this.seconds, ...found.map(([, value]) => value)],
    );
  }

  /** Runs of older versions of recap wrote `captions` without pictures; where both are written, they tell the same. */
  private takeSamples(record: Readonly<Record<string, unknown>>, step: number): void {
    if (!Array.isArray(record.samples)) return;
    const samples = record.samples
      .slice(0, mostImages)
      .map(sampleOf)
      .filter((sample) => sample !== null);
    const last = this.samples.at(-1);
    if (last?.step === step) {
      if (record.type === 'captions') return;
      this.samples.pop();
    }
    // Where words looked is shown of the last captions, and is most of a record.
    const before = this.samples.pop();
    if (before) this.samples.push({ ...before, samples: before.samples.map((each) => ({ ...each, attention: null })) });
    this.samples.push({ step, samples });
    if (this.samples.length > mostSamples) this.samples = this.samples.filter((_, i) => i % 2 === 0);
  }
}

function placesIn(names: readonly string[]): StepPlaces {
  const phases = names.flatMap((name, i) => (name.startsWith('seconds.') ? [i] : []));
  return { names, step: names.indexOf('step'), phases, rate: names.indexOf('captionsPerSecond') };
}

function recordOf(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const record: unknown = JSON.parse(line);
    return typeof record === 'object' && record !== null && !Array.isArray(record) ? { ...record } : null;
  } catch {
    return null;
  }
}

function sampleOf(value: unknown): Sample | null {
  if (typeof value !== 'object' || value === null) return null;
  const { image, url, truth, generated, logProbability, thumbnail, attention } = value as Record<string, unknown>;
  const caption = textOf(generated);
  if (caption === null) return null;
  return {
    image: typeof image === 'number' ? String(image) : (textOf(image) ?? ''),
    source: textOf(url),
    truth: textOf(truth),
    caption,
    logProbability: Number.isFinite(logProbability) ? (logProbability as number) : null,
    thumbnail: textOf(thumbnail),
    attention: lookOf(attention),
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, longestText) : null;
}

function lookOf(value: unknown): Sample['attention'] {
  if (typeof value !== 'object' || value === null) return null;
  const { side, words } = value as Record<string, unknown>;
  if (typeof side !== 'number' || !Number.isInteger(side) || side < 1 || side > 64 || !Array.isArray(words))
    return null;
  const looks = words.slice(0, 200).flatMap((each: unknown) => {
    const { word, weights } = (each ?? {}) as Record<string, unknown>;
    const isSound = typeof word === 'string' && Array.isArray(weights) && weights.length === side * side;
    return isSound && weights.every(Number.isFinite) ? [{ word: word.slice(0, longestText), weights }] : [];
  });
  return looks.length > 0 ? { side, words: looks } : null;
}
