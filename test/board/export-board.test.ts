/** Runs as one file, beyond what a browser shows of it. */
import { cpSync, linkSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BoardData } from '../../src/board/board-data.js';
import { exportBoard } from '../../src/board/export-board.js';
import { namedRuns } from '../../src/board/named-runs.js';
import { acquireLock } from '../../src/files/lock.js';
import { line, runsFolder, writeEvaluation, writeRun } from './fake-run.js';

const now = new Date(0);

function dataOf(html: string): BoardData {
  return JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)![1]!);
}

describe('a board in a file', () => {
  it('shows no run as one that trains, whenever it is opened', async () => {
    const runs = runsFolder();
    const lock = await acquireLock(await writeRun(runs, { captions: ['</script>', 'a dog'] }), 'run');
    const data = dataOf(await exportBoard(namedRuns([runs]), now));
    lock.release();
    expect(data).toMatchObject({ written: '1970-01-01T00:00:00.000Z', runs: [{ name: 'first', isTraining: false }] });
    expect(data.runs[0]!.samples.map(({ samples }) => samples[0]!.caption)).toEqual(['</script>', 'a dog']);
  });

  it('has as many bytes of pictures for many runs as for some', async () => {
    const runs = runsFolder();
    const dir = await writeRun(runs, { name: 'run-0', steps: 2 });
    const samples = [1, 2].map((image) => ({ image, generated: 'a dog', thumbnail: `images/val-${image}.png` }));
    const picture = Buffer.alloc(3 * 2 ** 20);
    for (const { thumbnail } of samples) writeFileSync(join(dir, thumbnail), picture);
    writeFileSync(join(dir, 'metrics.jsonl'), line({ type: 'samples', step: 1, samples }));
    expect(dataOf(await exportBoard(namedRuns([runs]), now)).runs.map(pictures)).toEqual([2]);
    for (let i = 1; i < 16; i++) cpSync(dir, join(runs, `run-${i}`), { recursive: true });
    expect(dataOf(await exportBoard(namedRuns([runs]), now)).runs.map(pictures)).toEqual(new Array(16).fill(1));
  });

  it('is refused where no browser would open it', async () => {
    const runs = runsFolder();
    const dir = await writeRun(runs, { steps: 2 });
    writeEvaluation(dir);
    const path = join(dir, 'evaluation.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"caption 1"', `"${'x'.repeat(101e6)}"`));
    linkSync(path, join(await writeRun(runs, { name: 'second', steps: 2 }), 'evaluation.json'));
    await expect(exportBoard(namedRuns([runs]), now)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(/^The page would be larger than 200 MB; expected one that a browser opens\. /),
    });
  });
});

function pictures(run: BoardData['runs'][number]): number {
  return Object.keys(run.pictures).length;
}
