/**
 * How long scoring takes: `recap evaluate` on captions of as many images as COCO's validation split has, from its start
 * to its last line, with 1,000 resamples.
 *
 *   node bench/score.mjs [--images 40000] [--references 5] [--rounds 3] [--captions FILE]
 *
 * Captions are random words of a vocabulary of 9,000, which is harder than language: hardly an n-gram comes twice. With
 * `--captions FILE`, lists of references such as `train_refs.json`, each is the beginning of one caption of the file and
 * the end of another.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generator, uniformInts } from '../dist/src/data/random.js';

const { values: options } = parseArgs({
  options: {
    images: { type: 'string', default: '40000' },
    references: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    captions: { type: 'string' },
  },
});
const images = Number(options.images);
const references = Number(options.references);
const vocabulary = 9000;

const random = generator(231, 'captions', 0);
const below = (bound) => uniformInts(random, bound, 1)[0];
const known = options.captions && JSON.parse(readFileSync(options.captions, 'utf8')).flatMap((image) => image.captions);

function caption() {
  if (!known) {
    const words = uniformInts(random, vocabulary, 8 + below(7));
    return `A ${[...words].map((word) => `word${word}`).join(' ')}.`;
  }
  const [first, second] = [known, known].map((captions) => captions[below(captions.length)].split(' '));
  return [...first.slice(0, first.length >> 1), ...second.slice(second.length >> 1)].join(' ');
}

const folder = mkdtempSync(join(tmpdir(), 'recap-score-'));
const candidates = join(folder, 'candidates.json');
const refs = join(folder, 'refs.json');
const ids = Array.from({ length: images }, (_, image) => image);
writeFileSync(candidates, JSON.stringify(ids.map((image_id) => ({ image_id, caption: caption() }))));
writeFileSync(
  refs,
  JSON.stringify(ids.map((image_idx) => ({ image_idx, captions: Array.from({ length: references }, caption) }))),
);

const recap = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));
const seconds = [];
for (let round = 0; round < Number(options.rounds); round++) {
  const start = performance.now();
  const { status, stdout } = spawnSync(
    process.execPath,
    [recap, 'evaluate', '--candidates', candidates, '--refs', refs],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  seconds.push((performance.now() - start) / 1000);
  if (status !== 0) process.exit(1);
  if (round === 0) console.log(stdout.split('\n').slice(0, 10).join('\n'));
}
rmSync(folder, { recursive: true });
console.log(`recap evaluate: ${seconds.map((each) => each.toFixed(2)).join(', ')} s`);
