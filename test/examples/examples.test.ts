/** The programs in examples/ do what they say. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'recap-examples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function example(name: string): string[] {
  const words = [`examples/${name}.mjs`, ...(name === 'training-loop' ? [] : [join(folder, name)])];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 250_000 });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout.trimEnd().split('\n');
}

describe('the example', () => {
  it('of a cell of one’s own has it in under 60 lines, with its numeric gradients, and goes on from its checkpoint', () => {
    expect(readFileSync('examples/minimal-gated-unit.mjs', 'utf8').split('\n').length).toBeLessThan(60);
    const lines = example('minimal-gated-unit');
    const gradients = lines.filter((line) => line.startsWith('gradient of'));
    expect(gradients.map((line) => line.split(' ')[2])).toContain('Wf:');
    for (const line of gradients) expect(Number(line.split(' ').at(-1))).toBeLessThan(1e-5);
    const losses = lines.flatMap((line) => /^epoch \d+: validation loss ([\d.]+)$/.exec(line)?.[1] ?? []).map(Number);
    expect(losses).toHaveLength(3);
    expect(losses[2]).toBeLessThan(losses[0]!);
    expect(lines).toContain('stopped after step 96');
    expect(lines.at(-1)).toMatch(/^done after step 288: .*best\.safetensors$/);
  });

  it('of data in memory captions images it has not seen', () => {
    expect(example('train-in-memory').slice(1)).toEqual(['a large green ball', 'a small blue ball']);
  });

  it('of the loop in one’s own hands learns', () => {
    const losses = example('training-loop').flatMap((line) => /^step \d+: loss ([\d.]+)/.exec(line)?.[1] ?? []);
    expect(losses).toHaveLength(3);
    expect(Number(losses[2])).toBeLessThan(Number(losses[0]) / 2);
  });
});
