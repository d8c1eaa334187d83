/** `recap evaluate` as a program. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recap } from '../support/command.js';

let folder: string;
let words: string[];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-evaluate-'));
  const captions = ['A dog runs on the grass.', 'Two men swim.', 'A child plays with a tri-colored ball.'];
  const candidates = captions.map((caption, image_id) => ({
    image_id,
    caption: image_id === 1 ? 'a\u001b[2J cat' : caption,
  }));
  const references = captions.map((caption, i) => ({
    image_idx: i,
    file: `${i}.jpg`,
    captions: [caption, 'One more.'],
  }));
  writeFileSync(join(folder, 'candidates.json'), JSON.stringify(candidates));
  writeFileSync(join(folder, 'refs.json'), JSON.stringify(references));
  words = ['evaluate', '--candidates', join(folder, 'candidates.json'), '--refs', join(folder, 'refs.json')];
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('recap evaluate', () => {
  it('prints each score with its interval, what is not computed, and the best and worst images', () => {
    const { status, stdout, stderr } = recap(words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const name of ['Bleu_1', 'Bleu_2', 'Bleu_3', 'Bleu_4', 'ROUGE_L', 'CIDEr']) {
      expect(stdout).toMatch(new RegExp(`^${name} +\\d\\.\\d{4} +\\d\\.\\d{4} – \\d+\\.\\d{4}$`, 'm'));
    }
    expect(stdout).toContain('METEOR and SPICE are not computed');
    expect(stdout).toMatch(/best by CIDEr\n +\d+\.\d+ {2}[02]\.jpg /);
    expect(stdout).toMatch(/worst by CIDEr\n +0\.000 {2}1\.jpg {2}a\?\[2J cat\n/);
  });

  it('prints JSON, and writes it with every image to a file', () => {
    const out = join(folder, 'scores.json');
    const { status, stdout } = recap([...words, '--tokens', 'words', '--json', '--out', out]);
    expect(status).toBe(0);
    const record = JSON.parse(stdout);
    expect(record).toMatchObject({ images: 3, references: 6, tokens: 'words', notComputed: ['METEOR', 'SPICE'] });
    const { perImage, ...rest } = JSON.parse(readFileSync(out, 'utf8'));
    expect(rest).toEqual(record);
    expect(perImage.map(({ file }: { file: string }) => file)).toEqual(['0.jpg', '1.jpg', '2.jpg']);
    expect(perImage[0].scores.Bleu_4).toBeCloseTo(1, 6);
  });

  it('takes document frequencies from another file', () => {
    const idf = join(folder, 'idf.json');
    writeFileSync(idf, JSON.stringify({ annotations: [{ image_id: 1, caption: 'A dog runs on the grass.' }] }));
    const { stdout } = recap([...words, '--idf', idf, '--json']);
    // Of one image every n-gram is in every image, so that none tells anything.
    expect(JSON.parse(stdout).scores.CIDEr).toBe(0);
  });

  it('looks whether --out can be written before all else, and leaves what is there as it was', () => {
    const place = join(folder, 'place');
    mkdirSync(place);
    const out = join(place, 'scores.json');
    const withoutReferences = (path: string) => recap([...words.slice(0, 3), '--refs', 'none.json', '--out', path]);
    for (const [path, reason] of [
      [place, 'it is a folder'],
      ['none/scores.json', 'ENOENT'],
      [join(folder, 'refs.json', 'scores.json'), 'ENOTDIR'],
      [join(place, 'n'.repeat(300)), 'ENAMETOOLONG'],
    ] as const) {
      const { status, stderr } = withoutReferences(path);
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: expect.stringContaining(`recap: --out ${path} cannot be written: ${reason}`),
      });
    }
    writeFileSync(out, 'scores of before');
    expect(withoutReferences(out).stderr).toContain('recap: none.json: no such file.');
    expect(readFileSync(out, 'utf8')).toBe('scores of before');
    expect(readdirSync(place)).toEqual(['scores.json']);
  });

  it.each([
    [['--refs', 'none.json'], 'none.json: no such file.'],
    [['--idf', 'none.json'], 'none.json: no such file.'],
    [['--tokens', 'ptd'], 'Invalid values: Argument: tokens'],
    [['--out', 'none/scores.json'], '--out none/scores.json cannot be written: ENOENT'],
    [['--beam', '3'], '--beam goes with --run or --checkpoint; --candidates are captions already.'],
    [['--average', '2'], '--average goes with --run or --checkpoint'],
    [['--no-repeat'], '--no-repeat goes with --run or --checkpoint'],
    [['--split', 'val'], '--split goes with --run or --checkpoint'],
    [['--set', 'no.such=1'], '--set goes with --run or --checkpoint'],
  ])('with %j ends with exit code 2 and one line on stderr', (more, message) => {
    const given = more[0] === '--refs' ? words.slice(0, 3) : words;
    const { status, stdout, stderr } = recap([...given, ...more]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`recap: ${message}`);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
