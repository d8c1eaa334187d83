/** The programs in examples/ do what they say. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'recap-examples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function example(name: string, ...before: string[]): string[] {
  const words = [`examples/${name}.mjs`, ...before, ...(name === 'training-loop' ? [] : [join(folder, name)])];
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

  it('of photos goes from a folder of them to captions of others', async () => {
    const photos = join(folder, 'album');
    const colours = { red: [200, 40, 40], blue: [40, 60, 210] } as const;
    const lines: string[] = [];
    mkdirSync(join(photos, 'new'), { recursive: true });
    for (const [colour, rgb] of Object.entries(colours)) {
      for (let i = 0; i < 12; i++) {
        const name = `${colour} ${i}.png`;
        const shade = rgb.map((value) => value + 3 * i);
        const square = {
          width: 40,
          height: 30,
          channels: 3,
          background: { r: shade[0]!, g: shade[1]!, b: shade[2]! },
        } as const;
        const place = i < 10 ? photos : join(photos, 'new');
        await sharp({ create: square }).png().toFile(join(place, name));
        if (i < 10) lines.push(`${name}\ta ${colour} wall`);
      }
    }
    writeFileSync(join(photos, 'captions.txt'), `${lines.join('\n')}\n`);
    const written = example('photos', photos, join(photos, 'new')).slice(-4);
    expect(written).toEqual(
      ['blue 10', 'blue 11', 'red 10', 'red 11'].map(
        (name) => `${join(photos, 'new', `${name}.png`)}  a ${name.split(' ')[0]} wall`,
      ),
    );
  });

  it('of the loop in one’s own hands learns', () => {
    const losses = example('training-loop').flatMap((line) => /^step \d+: loss ([\d.]+)/.exec(line)?.[1] ?? []);
    expect(losses).toHaveLength(3);
    expect(Number(losses[2])).toBeLessThan(Number(losses[0]) / 2);
  });
});
