/** Training with workers ended at random moments, again and again, and a checkpoint every few steps. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configToYaml } from '../../src/config/load.js';
import { readMetrics, resultOf, smallConfig, temporaryFolder, writeData } from '../training/runs.js';

const kills = Number(process.env.RECAP_SOAK_KILLS ?? 40);
const engine = process.env.RECAP_SOAK_ENGINE ?? '{ name: cpu, blas: none }';
const script = fileURLToPath(new URL('../fixtures/soak.mjs', import.meta.url));

interface Resources {
  readonly seconds: number;
  readonly rssMb: number;
  readonly threads: number;
  readonly files: number;
}

interface Report {
  readonly kills: number;
  readonly step: number;
  readonly faults: readonly string[];
  readonly others: readonly string[];
  readonly samples: readonly Resources[];
  readonly before: Resources;
  readonly after: Resources;
}

let data: string;
let folder: string;
beforeAll(async () => {
  data = await writeData({ captions: 60, valCaptions: 30 });
  folder = temporaryFolder();
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** The least-squares slope of RSS over time, MB a minute. */
function slope(samples: readonly Resources[]): number {
  const x = samples.map(({ seconds }) => seconds / 60);
  const y = samples.map(({ rssMb }) => rssMb);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const covariance = mean(x.map((value, i) => (value - mx) * (y[i]! - my)));
  return covariance / mean(x.map((value) => (value - mx) ** 2));
}

/** The middle one of its values: while a thread ends and the next one starts, both are there, however long that takes. */
function usual(samples: readonly Resources[], key: keyof Resources): number {
  const values = samples.map((each) => each[key]).sort((a, b) => a - b);
  return values[Math.floor(values.length / 2)]!;
}

describe.skipIf(process.platform !== 'linux')('a long run with workers ended at random moments', () => {
  it(
    `${kills} times computes the same to the bit, and keeps neither memory, nor files, nor threads`,
    async () => {
      const config = smallConfig(data, [
        `engine=${engine}`,
        'train.epochs=1000000',
        'checkpoint={everySteps: 5, keep: 2}',
        'validate.everyEpochs=20',
      ]);
      const job = { folder, config: configToYaml(config), kills, everyMs: 400 };
      const child = spawn(process.execPath, ['--expose-gc', script, JSON.stringify(job)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const closed = once(child, 'close');
      const report: Report = JSON.parse(await text(child.stdout));
      const [status] = await closed;
      expect(status, 'the process ends by itself, so no thread is left').toBe(0);

      expect(resultOf(join(folder, 'disturbed'))).toEqual(resultOf(join(folder, 'whole')));
      expect(report.others).toEqual([]);
      for (const fault of report.faults) expect(fault).toMatch(/^a worker (failed \(\w+\)|stopped between tasks)/);
      const logged = readMetrics(join(folder, 'disturbed')).filter(({ type }) => type === 'fault');
      expect(logged).toHaveLength(report.faults.length);

      const { step, samples, before, after } = report;
      // Threads that came and went have grown the heap by then as far as it grows.
      const warm = samples.slice(Math.floor(samples.length / 3));
      const first = warm.slice(0, Math.floor(warm.length / 2));
      const last = warm.slice(first.length);
      const growth = usual(last, 'rssMb') - usual(first, 'rssMb');
      console.log({
        engine,
        steps: step,
        kills: report.kills,
        'tasks run again': report.faults.length,
        MB: Math.round(usual(last, 'rssMb')),
        'MB a minute': Number(slope(warm).toFixed(2)),
        'MB grown': Number(growth.toFixed(1)),
        files: [usual(first, 'files'), usual(last, 'files')],
        threads: [before.threads, after.threads],
      });
      expect(growth).toBeLessThan(60);
      // One a kill would be some 13 more.
      expect(usual(last, 'files')).toBeLessThanOrEqual(usual(first, 'files') + 4);
      expect(after.files).toBeLessThanOrEqual(before.files + 4);
      expect(after.threads).toBeLessThanOrEqual(before.threads + 1);
    },
    (kills * 10 + 300) * 1000,
  );
});
