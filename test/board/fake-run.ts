/** Folders of runs as `recap train` leaves them, without the training. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { png } from '../features/photos.js';
import { temporaryFolder } from '../training/runs.js';

/** A step's record; the loss falls from 10 to 5. */
export function stepLine(step: number, more: Readonly<Record<string, unknown>> = {}): string {
  const loss = 5 + 5 * Math.exp(-step / 50) + Math.sin(step) / 10;
  const seconds = { compute: 0.07, wait: 0.01, update: 0.015, rest: 0.005 };
  const numbers = {
    learningRate: 0.001,
    gradientNorm: 3,
    parameterNorm: 40,
    captionsPerSecond: 1000,
    memoryBytes: 5e8,
  };
  return line({ type: 'step', step, epoch: 1, loss, ...numbers, seconds, ...more });
}

export function line(record: object): string {
  return `${JSON.stringify(record)}\n`;
}

export interface FakeRun {
  readonly name?: string;
  readonly steps?: number;
  readonly hiddenDim?: number;
  /** What the run said about its image at each of two validations. */
  readonly captions?: readonly [string, string];
  readonly events?: readonly object[];
}

/** @returns the folder of the runs */
export function runsFolder(): string {
  const folder = join(temporaryFolder(), 'runs');
  mkdirSync(folder);
  return folder;
}

/** @returns the run's folder */
export async function writeRun(runs: string, fake: FakeRun = {}): Promise<string> {
  const { name = 'first', steps = 200, hiddenDim = 24, captions = ['a dog', 'a red dog runs'], events = [] } = fake;
  const dir = join(runs, name);
  mkdirSync(join(dir, 'checkpoints'), { recursive: true });
  mkdirSync(join(dir, 'images'));
  writeFileSync(join(dir, 'images/val-0.png'), await png(40, 30));
  const config = `model:\n  cell: lstm\n  hiddenDim: ${hiddenDim}\ntrain:\n  epochs: 2\n  batchSize: 100\n`;
  writeFileSync(join(dir, 'config.yaml'), `# recap run 00000000-0000-0000-0000-000000000000\n${config}`);
  const lines = Array.from({ length: steps }, (_, i) => stepLine(i + 1));
  const half = Math.floor(steps / 2);
  lines.splice(half, 0, ...eventsOf(half, captions[0], 7));
  lines.push(...eventsOf(steps, captions[1], 6), ...events.map(line));
  writeFileSync(join(dir, 'metrics.jsonl'), lines.join(''));
  return dir;
}

function eventsOf(step: number, generated: string, loss: number): string[] {
  const weights = [0.1, 0.2, 0.3, 0.4];
  const attention = { side: 2, words: generated.split(' ').map((word) => ({ word, weights })) };
  const sample = {
    image: 0,
    url: 'http://images.example/1.jpg',
    truth: 'a dog in a field',
    generated,
    logProbability: -4.25,
  };
  return [
    line({
      type: 'validation',
      step,
      epoch: 1,
      loss,
      perplexity: 20,
      captions: 9,
      scores: { Bleu_4: 0.2, CIDEr: 0.5 },
    }),
    line({ type: 'samples', step, epoch: 1, samples: [{ ...sample, thumbnail: 'images/val-0.png', attention }] }),
  ];
}

export function append(dir: string, ...lines: readonly string[]): void {
  appendFileSync(join(dir, 'metrics.jsonl'), lines.join(''));
}

/** As `recap evaluate --out` writes it. */
export function writeEvaluation(dir: string): void {
  const scores = (CIDEr: number) => ({ Bleu_1: 0.6, Bleu_2: 0.4, Bleu_3: 0.3, Bleu_4: 0.2, ROUGE_L: 0.4, CIDEr });
  const perImage = Array.from({ length: 20 }, (_, image) => ({
    image,
    file: null,
    caption: `caption ${image}`,
    references: [`reference ${image}`],
    scores: scores(image / 10),
    captions: [
      { words: [4], text: `caption ${image}`, logProbability: -2.5, score: -1 },
      { words: [5], text: `another ${image}`, logProbability: -3.5, score: -2 },
    ],
  }));
  const intervals = Object.fromEntries(Object.keys(scores(0)).map((name) => [name, [0.1, 0.9]]));
  const evaluation = {
    split: 'val',
    decoding: { beam: 2, nbest: 2 },
    images: 20,
    scores: scores(1),
    intervals,
    perImage,
  };
  writeFileSync(join(dir, 'evaluation.json'), JSON.stringify(evaluation));
}
