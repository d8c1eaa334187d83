import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readGraph } from '../../src/features/onnx-graph.js';
import { startRun } from '../../src/training/run/train.js';
import { recap } from '../support/command.js';
import { smallConfig, temporaryFolder, writeData } from '../training/runs.js';

let data: string;
let runs: string;
let run: string;
beforeAll(async () => {
  data = await writeData();
  runs = temporaryFolder();
  run = join(runs, 'one');
  const attention = ['data.grid=true', 'model.attention=additive', 'train.epochs=2', 'train.workers=1'];
  await startRun(smallConfig(data, attention), run, {});
});
afterAll(() => {
  for (const each of [data, runs]) rmSync(each, { recursive: true, force: true });
});

describe('recap export', () => {
  it('writes one file that takes features and gives words', () => {
    const path = join(runs, 'model.onnx');
    const { status, stdout } = recap(['export', '--checkpoint', run, '--onnx', path]);
    expect(status).toBe(0);
    expect(stdout).toBe(`written  ${path}: features (n,32), grid (n,4,6) → words (n,t)\n`);
    expect(readGraph(path, readFileSync(path))).toMatchObject({
      inputs: [
        { name: 'features', shape: [null, 32] },
        { name: 'grid', shape: [null, 4, 6] },
      ],
      outputs: ['words'],
    });
  });

  it('writes with --parts one file for start and one for step, of means too', () => {
    const words = ['export', '--checkpoint', run, '--average', '1', '--onnx', join(runs, 'two.onnx'), '--parts'];
    expect(recap(words)).toMatchObject({ status: 0 });
    expect(readdirSync(runs).filter((name) => name.startsWith('two'))).toEqual(['two.start.onnx', 'two.step.onnx']);
  });

  it('refuses an ensemble, and a file that cannot be written, and leaves nothing behind', () => {
    const path = join(runs, 'none.onnx');
    const ensemble = recap(['export', '--checkpoint', run, '--checkpoint', run, '--onnx', path]);
    expect(ensemble).toMatchObject({ status: 2, stdout: '' });
    expect(ensemble.stderr).toContain(
      'recap: export takes one --checkpoint, a checkpoint file or the folder of a run;',
    );
    expect(recap(['export', '--onnx', path])).toMatchObject({ status: 2 });
    const refusal = (...words: string[]) => recap(['export', '--checkpoint', run, ...words]).stderr;
    expect(refusal()).toContain('recap: export needs what is to be written: --onnx FILE, or --web FOLDER.');
    expect(refusal('--parts', '--web', path)).toContain('recap: --parts goes with --onnx.');
    expect(refusal('--pca', path, '--onnx', path)).toContain(
      'recap: --pca goes with --web or --end-to-end, which have',
    );
    expect(existsSync(path)).toBe(false);

    const folder = join(runs, 'folder.onnx');
    mkdirSync(folder);
    for (const unwritable of [folder, join(runs, 'nowhere/model.onnx')]) {
      const { status, stderr } = recap(['export', '--checkpoint', run, '--onnx', unwritable]);
      expect(status).toBe(2);
      expect(stderr).toContain(`recap: --onnx ${unwritable} cannot be written: `);
    }
    expect(readdirSync(runs).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });
});
