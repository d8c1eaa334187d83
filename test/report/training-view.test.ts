import { describe, expect, it, vi } from 'vitest';
import { RunningFigures } from '../../src/report/running-figures.js';
import { columnsOf, rendered } from '../../src/report/text.js';
import { TrainingView } from '../../src/report/training-view.js';
import type { TrainingStep } from '../../src/training/loop/training-steps.js';

const stepsPerEpoch = 96;

function step(number: number): TrainingStep {
  return {
    step: number,
    epoch: Math.ceil(number / stepsPerEpoch),
    loss: 3 + 14 * Math.exp(-number / 90),
    rewards: null,
    learningRate: 0.00236,
    captions: 50,
    gradientNorm: 1,
    parameterNorm: 1,
    skipped: null,
    source: 'slots',
    timing: { total: 6.6, between: 0, gradients: 5, update: 1, shards: [5, 5] },
  };
}

/** A run of 2,304 steps after so many of them. */
function viewAfter(steps: number): TrainingView {
  const figures = new RunningFigures(0, 24 * stepsPerEpoch);
  const view = new TrainingView({ epochs: 24, stepsPerEpoch, workers: 2 }, figures);
  for (let number = 1; number <= steps; number++) figures.add(step(number));
  return view;
}

function text(view: TrainingView, columns: number, rows: number): string[] {
  return view.lines(columns, rows).map((line) => rendered(line, false).trimEnd());
}

const figures = [/^epoch 6\/24 /, /step +563\/2,304/, /loss +3\.\d{4} [▁-█]+/, /lr|learning rate/, /captions\/s/];
const more = [/ left/, /━/, / 24%/, / MB/, /2 workers/];

describe('A run under way', () => {
  it.each([40, 50, 60, 80, 100, 120, 200])('shows all its figures at %i columns', (columns) => {
    const shown = text(viewAfter(563), columns - 1, 4).join('\n');
    for (const figure of [...figures, ...more]) expect(shown).toMatch(figure);
  });

  it('takes four lines where it is narrow, three and two where there is room', () => {
    expect([40, 60, 80, 100, 130, 200].map((columns) => text(viewAfter(563), columns - 1, 4).length)).toEqual([
      4, 3, 3, 3, 2, 2,
    ]);
  });

  it('keeps its bar at 40 columns however many steps there are', () => {
    const figures = new RunningFigures(0, 400_000);
    const view = new TrainingView({ epochs: 100_000, stepsPerEpoch: 4, workers: 2 }, figures);
    figures.add({ ...step(73_013), epoch: 18_254 });
    const lines = text(view, 39, 4);
    expect(lines[0]).toMatch(/^epoch 18,254\/100,000 +━*╸?─+ +18%$/);
    expect(lines.slice(1).join('\n')).toMatch(/^step +73,013\/400,000\nloss .*\n.* captions\/s {2}.* left$/);
  });

  it('has its figures one below the other', () => {
    const [epoch, steps, speed] = text(viewAfter(563), 79, 4);
    expect([epoch!.search('━'), steps!.indexOf('loss'), speed!.indexOf('memory')]).toEqual([20, 20, 20]);
    expect(speed!.indexOf('2 workers')).toBe(steps!.indexOf('learning rate'));
  });

  it('is no wider and no higher than the terminal, before its first step, later, and in a validation', () => {
    const validating = viewAfter(563);
    validating.validating({ what: 'images captioned', done: 340, of: 600 });
    for (const view of [viewAfter(0), viewAfter(1), viewAfter(563), viewAfter(2304), validating]) {
      for (let columns = 12; columns <= 220; columns += 4) {
        for (const rows of [1, 2, 3, 4]) {
          const lines = view.lines(columns, rows);
          expect(lines.length).toBeLessThanOrEqual(rows);
          // What is narrower than a single figure is cut by the screen.
          if (columns >= 20) expect(Math.max(...lines.map(columnsOf))).toBeLessThanOrEqual(columns);
        }
      }
    }
  });

  it('has the bar of a validation while there is one', () => {
    const view = viewAfter(563);
    view.validating({ what: 'captions', done: 300, of: 600 });
    expect(text(view, 99, 4)[0]).toMatch(/^validation +━+─+ +50% {2}300\/600 captions$/);
    expect(view.plain()).toBe('validation: 300 of 600 captions');
    view.validating(null);
    expect(text(view, 99, 4)[0]).toMatch(/^epoch 6\/24/);
  });

  it('is one plain line elsewhere, from its first step on', () => {
    expect([viewAfter(0).isDue(), viewAfter(1).isDue()]).toEqual([false, true]);
    expect(viewAfter(563).plain()).toMatch(
      /^epoch 6\/24 {2}step 563\/2,304 {2}loss 3\.0269 {2}7,576 captions\/s {2}\d+ s left$/,
    );
  });
});

describe('Running figures', () => {
  it('smooth the loss without leaning towards the first one, and keep its curve short however long the run', () => {
    const figures = new RunningFigures(0, 10_000);
    figures.add({ ...step(1), loss: 9 });
    expect(figures.smoothedAim).toBeCloseTo(9, 10);
    for (let number = 2; number <= 10_000; number++) figures.add({ ...step(number), loss: 5 });
    expect(figures.smoothedAim).toBeCloseTo(5, 10);
    expect(figures.curve.length).toBeGreaterThanOrEqual(24);
    expect(figures.curve.length).toBeLessThan(64);
  });

  it('count the time left down while no step is heard of', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const figures = new RunningFigures(0, 10);
    expect(figures.millisecondsLeft).toBeNull();
    vi.advanceTimersByTime(2000);
    figures.add(step(2));
    expect(figures.millisecondsLeft).toBe(8000);
    vi.advanceTimersByTime(3000);
    expect(figures.millisecondsLeft).toBe(5000);
    vi.advanceTimersByTime(60_000);
    expect(figures.millisecondsLeft).toBe(0);
    vi.useRealTimers();
  });

  it('pass over the loss of a step that was left out', () => {
    const figures = new RunningFigures(0, 10);
    figures.add(step(1));
    const { smoothedAim } = figures;
    figures.add({ ...step(2), loss: Number.NaN, skipped: 'the loss is NaN' });
    expect(figures.smoothedAim).toBe(smoothedAim);
  });
});
