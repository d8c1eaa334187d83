import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricsLog } from '../../../src/training/run/metrics-log.js';

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
  return new MetricsLog(path, { warn: (message) => warnings.push(message), mayWrite: () => true });
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

  it('keeps at most 16 MB while it cannot be written, the newest lines, and tells how many are lost', () => {
    mkdirSync(path);
    const warnings: string[] = [];
    const log = logOf(warnings);
    const text = 'x'.repeat(2 ** 20);
    for (let n = 1; n <= 40; n++) log.append({ n, text });
    log.write();
    rmSync(path, { recursive: true });
    log.close();
    const kept = records() as { n: number }[];
    expect(kept.length).toBeLessThan(17);
    expect(kept.at(-1)?.n).toBe(40);
    expect(warnings).toEqual([
      `${path} cannot be written, its lines wait in memory: it is a folder, not a file`,
      `${path} can be written again. Of the lines that waited, ${40 - kept.length} are lost.`,
    ]);
  });

  it('does not wait for the reader of a pipe', () => {
    execFileSync('mkfifo', [path]);
    const warnings: string[] = [];
    const log = logOf(warnings);
    log.append(step(1));
    log.close();
    expect(warnings).toEqual([
      `${path} cannot be written, its lines wait in memory: it is a pipe or a socket, not a file`,
    ]);
  });

  it('writes nothing into a folder that is not the run’s at the moment', () => {
    const warnings: string[] = [];
    let mayWrite = true;
    const log = new MetricsLog(path, { warn: (message) => warnings.push(message), mayWrite: () => mayWrite });
    log.append(step(1));
    log.write();
    mayWrite = false;
    log.append(step(2));
    log.write();
    expect(records()).toEqual([step(1)]);
    mayWrite = true;
    log.close();
    expect(records()).toEqual([step(1), step(2)]);
    expect(warnings).toEqual([
      `${path} cannot be written, its lines wait in memory: the run's folder is not in its place`,
      `${path} can be written again.`,
    ]);
  });
});
