/** RUN/evaluation.json as `recap evaluate --out` writes it: what the board shows of it. */
import { z } from 'zod';
import { fromBestToWorst, scoreNames } from '../evaluation/score-captions.js';
import type { EvaluatedImage, Evaluation } from './board-data.js';
import { readInside } from './run-files.js';

const fileName = 'evaluation.json';
/** Bytes; that of COCO's 40,000 validation images with five captions each is below. */
const largest = 2 ** 27;
/** Best and worst captions that are shown. */
const shown = 8;

const scores = z.record(z.enum(scoreNames), z.number());
const imageSchema = z.object({
  image: z.union([z.string(), z.number()]),
  file: z.string().nullish(),
  caption: z.string(),
  scores,
  references: z.array(z.string()).optional(),
  captions: z.array(z.object({ text: z.string(), logProbability: z.number().nullish() })).optional(),
});
const schema = z.object({
  split: z.string().optional(),
  decoding: z.record(z.string(), z.unknown()).optional(),
  images: z.number(),
  scores,
  intervals: z.record(z.string(), z.array(z.number())).nullish(),
  perImage: z.array(imageSchema),
});

type Image = z.infer<typeof imageSchema>;

/** @returns the evaluation, null where there is none; or why it cannot be shown */
export function readEvaluation(dir: string): {
  readonly evaluation: Evaluation | null;
  readonly problem: string | null;
} {
  const bytes = readInside(dir, fileName, largest);
  if (bytes === null) return { evaluation: null, problem: null };
  try {
    return { evaluation: evaluationOf(schema.parse(JSON.parse(bytes.toString('utf8')))), problem: null };
  } catch {
    return { evaluation: null, problem: `${fileName} is not as recap evaluate --out writes it.` };
  }
}

function evaluationOf(found: z.infer<typeof schema>): Evaluation {
  const ranked = fromBestToWorst(found.perImage);
  return {
    split: found.split ?? null,
    images: found.images,
    search: found.decoding === undefined ? null : searchOf(found.decoding),
    scores: scoreNames.map((name) => ({
      name,
      score: found.scores[name],
      interval: found.intervals?.[name] ?? null,
    })),
    best: ranked.slice(0, shown).map(shownImage),
    worst: ranked.slice(shown).slice(-shown).reverse().map(shownImage),
  };
}

function shownImage({ image, file, caption, scores, captions = [], references = [] }: Image): EvaluatedImage {
  return {
    image: String(image),
    source: file ?? null,
    caption,
    scores,
    alternatives: captions.map(({ text, logProbability }) => ({ text, logProbability: logProbability ?? null })),
    references,
  };
}

/** Its options as they are spelt, those that are set. */
function searchOf(decoding: Readonly<Record<string, unknown>>): string {
  const set = Object.entries(decoding).filter(([, value]) => ['number', 'string', 'boolean'].includes(typeof value));
  return set.length === 0 ? 'greedy' : set.map(([name, value]) => `${name} ${value}`).join(', ');
}
