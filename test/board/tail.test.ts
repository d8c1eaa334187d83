import { appendFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RunLog } from '../../src/board/run-log.js';
import { LineTail } from '../../src/board/tail.js';
import { temporaryFolder } from '../training/runs.js';
import { line, stepLine } from './fake-run.js';

/** Follows a file; `lines` is what a reader of it knows by now. */
function follow(path: string) {
  const state = { lines: [] as string[], restarts: 0 };
  const tail = new LineTail(path, {
    line: (bytes, begin, end) => state.lines.push(Buffer.from(bytes.subarray(begin, end)).toString()),
    restarted: () => {
      state.lines = [];
      state.restarts++;
    },
  });
  const read = () => {
    while (tail.read());
    return state;
  };
  return read;
}

describe('a log that is read as it grows', () => {
  it('gives each whole line once, wherever the writing pauses', () => {
    const path = join(temporaryFolder(), 'log');
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-zé\u2028]{0,20}$/)), fc.array(fc.nat(30)), (lines, cuts) => {
        rmSync(path, { force: true });
        const read = follow(path);
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          appendFileSync(path, bytes.subarray(at, at + cut));
          at = Math.min(bytes.length, at + cut);
          const whole = bytes.subarray(0, bytes.subarray(0, at).lastIndexOf('\n') + 1).toString();
          expect(
            read()
              .lines.map((text) => `${text}\n`)
              .join(''),
          ).toBe(whole);
        }
        expect(read()).toEqual({ lines, restarts: 0 });
      }),
      { seed: 231, numRuns: 50 },
    );
  });

  it('begins anew where the file was cut, replaced or set aside', () => {
    const path = join(temporaryFolder(), 'log');
    const read = follow(path);
    expect(read()).toEqual({ lines: [], restarts: 0 });
    writeFileSync(path, 'a\nb\nc\n');
    expect(read().lines).toEqual(['a', 'b', 'c']);
    truncateSync(path, 2);
    expect(read()).toEqual({ lines: ['a'], restarts: 1 });
    writeFileSync(`${path}.tmp`, 'a\nd\ne\nf\n');
    renameSync(`${path}.tmp`, path);
    expect(read()).toEqual({ lines: ['a', 'd', 'e', 'f'], restarts: 2 });
    // The same inode, and longer than before.
    writeFileSync(path, 'x\ny\nz\nx\ny\nz\n');
    expect(read().lines).toEqual(['x', 'y', 'z', 'x', 'y', 'z']);
    renameSync(path, `${path}-1`);
    expect(read()).toEqual({ lines: [], restarts: 4 });
  });

  it('goes on behind a line that its reader cannot take', () => {
    const path = join(temporaryFolder(), 'log');
    const lines: string[] = [];
    const tail = new LineTail(path, {
      line: (bytes, begin, end) => {
        const text = Buffer.from(bytes.subarray(begin, end)).toString();
        if (text === 'b') throw new Error(text);
        lines.push(text);
      },
      restarted: () => lines.push('restarted'),
    });
    writeFileSync(path, 'a\nb\nc\n');
    tail.read();
    appendFileSync(path, 'd\n');
    tail.read();
    expect(lines).toEqual(['a', 'c', 'd']);
  });

  it('passes over a line that is longer than any record, and what follows it is read', () => {
    const path = join(temporaryFolder(), 'log');
    const read = follow(path);
    writeFileSync(path, `a\n${'b'.repeat(17 * 2 ** 20)}`);
    expect(read().lines).toEqual(['a']);
    appendFileSync(path, 'b\nc\n');
    expect(read().lines).toEqual(['a', 'c']);
  });
});

describe('the log of a run', () => {
  it('takes every line once beside names with dots and objects without end', async () => {
    const dir = temporaryFolder();
    const deep = `{"type":"step","step":2,"deep":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_001)}\n`;
    const scores = { 'METEOR-1.5': 0.3 };
    writeFileSync(
      join(dir, 'metrics.jsonl'),
      [stepLine(1), deep, stepLine(3, { 'a.b': 5 }), line({ type: 'validation', step: 3, scores })].join(''),
    );
    const log = new RunLog(dir, 100);
    await log.read();
    appendFileSync(join(dir, 'metrics.jsonl'), stepLine(4, { 'a.b': 6 }));
    await log.read();
    expect(log.problem).toBeNull();
    expect(Array.from(log.steps.column('step')!)).toEqual([1, 2, 3, 4]);
    expect(Array.from(log.steps.column('a.b')!)).toEqual([Number.NaN, Number.NaN, 5, 6]);
    expect(Array.from(log.validations.column('scores.METEOR-1.5')!)).toEqual([Math.fround(0.3)]);
  });

  it('has the numbers of every step as JSON has them, whatever forms its lines have', async () => {
    const dir = temporaryFolder();
    const number = fc.oneof(fc.double(), fc.integer(), fc.constant(null));
    const record = fc.record(
      { loss: number, rewards: fc.record({ samples: number, baseline: number }), note: fc.constantFrom('x', '"1",{') },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 30 }), async (records) => {
        const lines = records.map((some, i) => line({ type: 'step', step: i + 1, ...some }));
        writeFileSync(join(dir, 'metrics.jsonl'), `torn {"type":"step"\n${lines.join('')}[1]\n{"type":"step","step":`);
        const log = new RunLog(dir, 100);
        await log.read();
        expect(log.steps.length).toBe(records.length);
        const parsed = lines.map((text) => JSON.parse(text));
        for (const [name, of] of [
          ['loss', (each: (typeof parsed)[0]) => each.loss],
          ['rewards.samples', (each: (typeof parsed)[0]) => each.rewards?.samples],
        ] as const) {
          const column = log.steps.column(name);
          parsed.forEach((each, i) => {
            const wanted = Math.fround(of(each) ?? Number.NaN);
            const found = column?.[i] ?? Number.NaN;
            if (Number.isNaN(wanted) || !Number.isFinite(wanted)) expect(found).toBe(wanted);
            else expect(Math.abs(found - wanted)).toBeLessThanOrEqual(Math.abs(wanted) * 2e-7 + 1e-44);
          });
        }
      }),
      { seed: 231, numRuns: 60 },
    );
  });

  it('counts the time of steps by their phases, or else by their captions', async () => {
    const dir = temporaryFolder();
    const slow = { seconds: undefined, captionsPerSecond: 50 };
    writeFileSync(join(dir, 'metrics.jsonl'), [stepLine(1), stepLine(2, slow), stepLine(3)].join(''));
    const log = new RunLog(dir, 100);
    await log.read();
    expect(Array.from(log.steps.column('time')!, (time) => time.toFixed(3))).toEqual(['0.100', '2.100', '2.200']);
  });

  it('is bounded in what it keeps, and has no step that is not finite', async () => {
    const dir = temporaryFolder();
    const many = Array.from({ length: 300 }, (_, i) => stepLine(i + 1, { [`metric-${i}`]: i }));
    const samples = Array.from({ length: 1000 }, (_, image) => ({ image, generated: 'a dog' }));
    const endless = ['step', 'validation', 'health', 'samples'].map(
      (type) => `{"type":"${type}","step":1e999,"message":"far","loss":1,"samples":[]}\n`,
    );
    const health = line({ type: 'health', step: 9, kind: 'disk', message: 'full' });
    writeFileSync(
      join(dir, 'metrics.jsonl'),
      [...many, line({ type: 'samples', step: 9, samples }), ...endless, health, stepLine(301)].join(''),
    );
    const log = new RunLog(dir, 100);
    await log.read();
    expect(log.steps.columns.size).toBeLessThanOrEqual(66);
    expect(Array.from(log.steps.column('step')!)).toEqual(Array.from({ length: 301 }, (_, i) => i + 1));
    expect(log.steps.column('time')![300]).toBeCloseTo(30.1);
    expect(log.validations.length).toBe(0);
    expect(log.notices).toEqual([{ step: 9, kind: 'disk', message: 'full' }]);
    expect(log.samples.map(({ step, samples }) => [step, samples.length])).toEqual([[9, 100]]);
  });

  it('is not read through a link, and says so', async () => {
    const dir = temporaryFolder();
    symlinkSync('/etc/passwd', join(dir, 'metrics.jsonl'));
    const log = new RunLog(dir, 1);
    await log.read();
    expect(log.problem).toMatch(/^metrics\.jsonl cannot be read: /);
  });
});
