import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cutBackMetrics, setAsideMetrics } from '../../../src/training/run/cut-back-metrics.js';
import type { LoggedRecord } from '../../../src/training/run/log-lines.js';
import { MetricsLog } from '../../../src/training/run/metrics-log.js';
import { StepSet } from '../../../src/training/run/step-set.js';
import { readMetrics } from '../runs.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-metrics-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const records = (): unknown[] => readMetrics(folder);

const step = (n: number) => ({ type: 'step', step: n, loss: 1 / n });

const fail = (message: string): never => {
  throw new Error(message);
};

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
      '{"type":"samples","step":3}',
      '{"type":"step","st',
    ];
    writeFileSync(path, lines.join('\n'));
    expect(cutBackMetrics(path, 2)).toEqual({ existed: true, steps: 2 });
    expect(readFileSync(path, 'utf8')).toBe(`${lines.slice(0, 4).join('\n')}\n`);
  });

  it('drops what the resumed run will log anew for the step itself', () => {
    writeFileSync(path, '{"type":"validation","step":2}\n{"type":"step","step":4}\n{"type":"validation","step":4}\n');
    const kept: unknown[] = [];
    const isAfter = ({ type, step }: LoggedRecord) => type === 'validation' && step === 4;
    cutBackMetrics(path, 4, isAfter, (record) => kept.push(record));
    expect(kept).toEqual(records());
    expect(records()).toEqual([
      { type: 'validation', step: 2 },
      { type: 'step', step: 4 },
    ]);
  });

  it('names a log that can be neither read nor replaced', () => {
    writeFileSync(path, '{"type":"step","step":1}\n{"type":"step","step":2}\n');
    // A name of the longest kind leaves no room for that of the file that would replace it.
    const long = join(folder, 'x'.repeat(250));
    renameSync(path, long);
    expect(() => cutBackMetrics(long, 1)).toThrow(`${long} cannot be replaced: ENAMETOOLONG`);
    expect(readFileSync(long, 'utf8').match(/\n/g)).toHaveLength(2);
    mkdirSync(path);
    expect(() => cutBackMetrics(path, 1)).toThrow(`${path} cannot be read: it is a folder, not a file.`);
    rmdirSync(path);
    execFileSync('mkfifo', [path]);
    expect(() => cutBackMetrics(path, 1)).toThrow(`${path} cannot be read: it is a pipe, not a file.`);
  });

  it('leaves no log where there is none', () => {
    expect(cutBackMetrics(path, 2)).toEqual({ existed: false, steps: 0 });
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
          expect(cutBackMetrics(path, from).steps).toBe(from);
          const log = new MetricsLog(path, { warn: fail, mayWrite: () => true });
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
  });
});

describe('a log that is longer than memory', () => {
  it('is cut back though its lines lie across the pieces it is read in', () => {
    const long = (n: number) => ({ type: 'step', step: n, text: 'x'.repeat(700_000) });
    const lines = [1, 2, 3, 9, 4, 5].map((n) => `${JSON.stringify(long(n))}\n`);
    writeFileSync(path, `${lines.join('')}{"type":"st`);
    expect(cutBackMetrics(path, 4)).toEqual({ existed: true, steps: 4 });
    expect(records()).toEqual([1, 2, 3, 4].map(long));
    expect(readdirSync(folder)).toEqual(['metrics.jsonl']);
  });

  it('of more than 2 GiB is cut back, and what is no line of a log is left out', () => {
    const file = openSync(path, 'w');
    writeSync(file, '{"type":"step","step":1}\n');
    // A hole in the file, which takes no room on the disk.
    writeSync(file, '\n{"type":"step","step":2}\n', 2 ** 31 + 2 ** 20);
    closeSync(file);
    expect(cutBackMetrics(path, 2)).toEqual({ existed: true, steps: 2 });
    expect(readFileSync(path, 'utf8')).toBe('{"type":"step","step":1}\n{"type":"step","step":2}\n');
  });

  it('may have more steps than a Set can hold', () => {
    const steps = new StepSet();
    const of = 2 ** 24 + 2 ** 17;
    for (let n = 1; n <= of; n++) steps.add(n);
    for (const n of [1, 2 ** 24, of, 0, -1, 1.5, Number.NaN]) expect(steps.add(n)).toBe(false);
    expect(steps.add(2 ** 40)).toBe(true);
    expect(steps.size).toBe(of + 1);
  });
});

describe('setting a log aside', () => {
  it('renames it to a name beside it that is free', () => {
    for (const name of ['metrics-1.jsonl', 'metrics-2.jsonl']) {
      writeFileSync(path, name);
      expect(setAsideMetrics(path)).toBe(name);
      expect(readFileSync(join(folder, name), 'utf8')).toBe(name);
      expect(existsSync(path)).toBe(false);
    }
  });

  it('leaves one that is empty or not there', () => {
    expect(setAsideMetrics(path)).toBeNull();
    writeFileSync(path, '');
    expect(setAsideMetrics(path)).toBeNull();
    expect(readdirSync(folder)).toEqual(['metrics.jsonl']);
  });
});
