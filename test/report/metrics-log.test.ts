import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cutBackMetrics, MetricsLog } from '../../src/report/metrics-log.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-metrics-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const records = (): unknown[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

const step = (n: number) => ({ type: 'step', step: n, loss: 1 / n });

function logOf(warnings: string[]): MetricsLog {
  return new MetricsLog(path, (message) => warnings.push(message));
}

describe('the metrics log', () => {
  it('keeps every digit and the order of records', () => {
    const log = logOf([]);
    const losses = [0.1 + 0.2, 1e-300, 4.9e-324, 123456789.12345679, 2 / 3];
    for (const [i, loss] of losses.entries()) log.append({ type: 'step', step: i + 1, loss });
    log.close();
    expect(records()).toEqual(losses.map((loss, i) => ({ type: 'step', step: i + 1, loss })));
  });

  it('appends to what is there', () => {
    writeFileSync(path, '{"type":"step","step":1}\n');
    const log = logOf([]);
    log.append({ type: 'step', step: 2 });
    log.close();
    expect(records()).toHaveLength(2);
  });

  it('warns once while it cannot be written, and then writes every line once', () => {
    const warnings: string[] = [];
    const run = join(folder, 'run');
    mkdirSync(run);
    path = join(run, 'metrics.jsonl');
    const log = logOf(warnings);
    log.append(step(1));
    log.write();
    renameSync(run, `${run}-away`);
    for (let n = 2; n <= 5; n++) {
      log.append(step(n));
      log.write();
    }
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`${path} cannot be written`);
    renameSync(`${run}-away`, run);
    log.append(step(6));
    log.close();
    expect(records()).toEqual([1, 2, 3, 4, 5, 6].map(step));
    expect(warnings).toEqual([warnings[0], `${path} can be written again.`]);
  });

  it('keeps at most 16 MB while the disk is full, the newest lines', () => {
    symlinkSync('/dev/full', path);
    const warnings: string[] = [];
    const log = logOf(warnings);
    const text = 'x'.repeat(2 ** 20);
    for (let n = 1; n <= 40; n++) log.append({ n, text });
    log.write();
    expect(warnings[0]).toContain('ENOSPC');
    rmSync(path);
    log.close();
    const kept = records() as { n: number }[];
    expect(kept.length).toBeLessThan(17);
    expect(kept.at(-1)?.n).toBe(40);
  });
});

describe('cutting back to a checkpoint', () => {
  it('drops later lines of every type, torn and foreign lines, and second copies of a step', () => {
    const lines = [
      '{"type":"run"}',
      '{"type":"step","step":1,"loss":1}',
      '{"type":"step","step":2,"loss":2}',
      '{"type":"validation","step":2}',
      '{"type":"step","step":2,"loss":2}',
      '\0\0\0\0',
      '[1]',
      'null',
      '{"type":"step","step":3,"loss":3}',
      '{"type":"captions","step":3}',
      '{"type":"step","st',
    ];
    writeFileSync(path, lines.join('\n'));
    expect(cutBackMetrics(path, 2)).toBe(2);
    expect(readFileSync(path, 'utf8')).toBe(`${lines.slice(0, 4).join('\n')}\n`);
  });

  it('drops what the resumed run will log anew for the step itself', () => {
    writeFileSync(path, '{"type":"validation","step":2}\n{"type":"step","step":4}\n{"type":"validation","step":4}\n');
    cutBackMetrics(path, 4, { validation: 2 });
    expect(records()).toEqual([
      { type: 'validation', step: 2 },
      { type: 'step', step: 4 },
    ]);
  });

  it('names a log that can be neither read nor replaced', () => {
    writeFileSync(path, '{"type":"step","step":1}\n{"type":"step","step":2}\n');
    mkdirSync(`${path}.tmp-${process.pid}`);
    expect(() => cutBackMetrics(path, 1)).toThrow(`${path} cannot be replaced: EISDIR`);
    expect(records()).toHaveLength(2);
    rmSync(path);
    mkdirSync(path);
    expect(() => cutBackMetrics(path, 1)).toThrow(`${path} cannot be read: EISDIR`);
  });

  it('leaves no log where there is none', () => {
    expect(cutBackMetrics(path, 2)).toBe(0);
  });

  it('keeps each step up to the checkpoint once, wherever earlier runs were killed', () => {
    const attempt = fc.record({ resumeAt: fc.nat(20), until: fc.nat(20), torn: fc.nat(30) });
    fc.assert(
      fc.property(fc.array(attempt, { maxLength: 8 }), fc.nat(20), (attempts, last) => {
        rmSync(path, { force: true });
        let done = 0;
        for (const { resumeAt, until, torn } of attempts) {
          // A checkpoint stands at a step whose line is on the disk.
          const from = Math.min(resumeAt, done);
          expect(cutBackMetrics(path, from)).toBe(from);
          const log = logOf([]);
          for (let n = from + 1; n <= from + until; n++) log.append(step(n));
          log.close();
          done = from + until;
          if (done > 0) writeFileSync(path, JSON.stringify(step(done + 1)).slice(0, torn), { flag: 'a' });
        }
        const to = Math.min(last, done);
        cutBackMetrics(path, to);
        const left = attempts.length > 0 && done > 0 ? readFileSync(path, 'utf8') : '';
        expect(left).toBe(Array.from({ length: to }, (_, i) => `${JSON.stringify(step(i + 1))}\n`).join(''));
      }),
      { numRuns: 100, seed: 231 },
    );
  }, 120_000);
});
