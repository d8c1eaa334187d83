/** Random captions and features of a given shape, for measuring speed; nothing can be learnt from them. */
import type { CaptionSplit, Dataset } from './dataset.js';
import type { FeatureTable } from './feature-table.js';
import { roundToFloat16 } from './float16.js';
import { generator, normals, uniformInts } from './random.js';
import { endId, nullId, specialTokens, startId, Vocabulary } from './vocabulary.js';

export interface SyntheticShape {
  readonly captions: number;
  readonly images: number;
  /** T */
  readonly steps: number;
  /** D */
  readonly featureDim: number;
  /** V */
  readonly vocabSize: number;
  /** `full`: T words each; `data`: lengths spread like those of real captions. */
  readonly lengths: 'full' | 'data';
  /** Of the images' grids, in float16; null for none. */
  readonly grid?: { readonly positions: number; readonly columns: number } | null;
}

/** Share of captions with 7, 8, … 15 words, about as in COCO's and Flickr8k's captions cut at 15. */
const lengthShares = [0.03, 0.1, 0.17, 0.19, 0.15, 0.11, 0.08, 0.06, 0.11];
const shortest = 7;

export function syntheticDataset(shape: SyntheticShape, seed: number): Dataset {
  const words = Array.from({ length: shape.vocabSize - specialTokens.length }, (_, i) => `w${i}`);
  const train = syntheticSplit(shape, seed);
  const vocabulary = Vocabulary.of('word', [...specialTokens, ...words], 'synthetic data');
  return { train, val: { ...train, name: 'val' }, vocabulary, checksum: '', extractor: null, notes: [] };
}

function syntheticSplit(shape: SyntheticShape, seed: number): CaptionSplit {
  const { captions: count, images, steps: T, featureDim: D, vocabSize: V } = shape;
  const columns = T + 1;
  const captions = new Int32Array(new SharedArrayBuffer(count * columns * 4)).fill(nullId);
  const imageIdxs = new Int32Array(new SharedArrayBuffer(count * 4)).map((_, i) => i % images);
  const features = new Float32Array(new SharedArrayBuffer(images * D * 4));
  features.set(normals(seed, 'features', features.length));
  const words = uniformInts(generator(seed, 'words'), V - specialTokens.length, captions.length);
  const lengths = drawLengths(shape, seed);
  for (let i = 0; i < count; i++) {
    const row = captions.subarray(i * columns, (i + 1) * columns);
    const length = lengths[i]!;
    row[0] = startId;
    for (let t = 1; t <= length; t++) row[t] = specialTokens.length + words[i * columns + t]!;
    if (length < T) row[length + 1] = endId;
  }
  return {
    name: 'train',
    captions,
    imageIdxs,
    count,
    columns,
    inputs: {
      features: { data: features, rows: images, columns: D },
      ...(shape.grid ? { grid: gridTable(images, shape.grid, seed) } : {}),
    },
    urls: null,
  };
}

/** Images whose grids differ; drawing more would take longer than what is measured. */
const distinctGrids = 32;

function gridTable(
  images: number,
  { positions, columns: C }: { readonly positions: number; readonly columns: number },
  seed: number,
): FeatureTable {
  const columns = positions * C;
  const data = new Uint16Array(new SharedArrayBuffer(images * columns * 2));
  const block = Float32Array.from(normals(seed, 'grid', distinctGrids * columns));
  const bits = new Uint32Array(block.buffer);
  for (let image = 0; image < images; image++) {
    roundToFloat16(bits, (image % distinctGrids) * columns, data, image * columns, columns);
  }
  return { data, rows: images, columns, positions };
}

/** Words of each caption. */
function drawLengths({ captions, steps, lengths }: SyntheticShape, seed: number): Int32Array {
  if (lengths === 'full') return new Int32Array(captions).fill(steps);
  return uniformInts(generator(seed, 'lengths'), 1000, captions).map((draw) => {
    let rest = draw / 1000;
    let length = shortest;
    for (const share of lengthShares) {
      if (rest < share) break;
      rest -= share;
      length++;
    }
    return Math.min(length, steps - 1);
  });
}

/** The same data with every caption's words repeated up to full length. */
export function fullLength(dataset: Dataset): Dataset {
  return { ...dataset, train: stretched(dataset.train) };
}

function stretched(split: CaptionSplit): CaptionSplit {
  const { columns, count } = split;
  const captions = new Int32Array(new SharedArrayBuffer(split.captions.length * 4));
  for (let i = 0; i < count; i++) {
    const row = split.captions.subarray(i * columns, (i + 1) * columns);
    const words = row.filter((token) => token >= specialTokens.length);
    const repeated = words.length > 0 ? words : Int32Array.of(endId);
    captions[i * columns] = startId;
    for (let t = 1; t < columns; t++) captions[i * columns + t] = repeated[(t - 1) % repeated.length]!;
  }
  return { ...split, captions };
}
