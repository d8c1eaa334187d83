/** A set's scores as a JSON record and as lines to read. */
import { count } from '../amounts.js';
import { type CaptionScores, fromBestToWorst, type ImageScores, type Scores, scoreNames } from './score-captions.js';

/** coco-caption prints these too, by Java programs. */
const notComputed = ['METEOR', 'SPICE'];

/** Best and worst images that are named. */
const named = 5;

export function scoreRecord(result: CaptionScores) {
  const { scores, intervals, bootstrap, images, references, tokens, alreadyTokenised, perImage } = result;
  const { distinct, meanLength, copied } = result;
  const ranked = fromBestToWorst(perImage);
  return {
    scores,
    intervals,
    bootstrap,
    notComputed,
    images,
    references,
    tokens,
    alreadyTokenised,
    captions: { distinct, meanLength, copied },
    best: ranked.slice(0, named),
    worst: ranked.slice(-named).reverse(),
  };
}

export function scoreLines(result: CaptionScores): string[] {
  const { images, references, tokens, alreadyTokenised, scores, intervals, bootstrap, distinct, meanLength, copied } =
    result;
  const record = scoreRecord(result);
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  return [
    `captions  ${count(images)}, with ${count(references)} references`,
    `tokens    ${alreadyTokenised ? 'as given: all captions are tokenised already' : tokens}`,
    '',
    `          score${intervals ? `    ${percent(bootstrap.confidence)} interval (${count(bootstrap.resamples)} resamples)` : ''}`,
    ...scoreNames.map((name) => scoreLine(name, scores, intervals?.[name])),
    `${notComputed.join(' and ')} are not computed: they need Java programs of others.`,
    '',
    `distinct captions  ${count(distinct)} (${percent(distinct / images)})`,
    `mean length        ${meanLength.toFixed(2)} tokens`,
    ...(copied === null ? [] : [`copied             ${percent(copied)} are captions of the training set`]),
    '',
    'best by CIDEr',
    ...record.best.map(imageLine),
    'worst by CIDEr',
    ...record.worst.map(imageLine),
  ];
}

function scoreLine(name: keyof Scores, scores: Scores, interval: readonly number[] | undefined): string {
  const range = interval ? `   ${interval.map((bound) => bound.toFixed(4)).join(' – ')}` : '';
  return `${name.padEnd(8)} ${scores[name].toFixed(4)}${range}`;
}

function imageLine({ image, file, caption, scores }: ImageScores): string {
  const text = `${file ?? `image ${image}`}  ${caption.trim()}`;
  // What a terminal would take for a command is not printed.
  return `  ${scores.CIDEr.toFixed(3)}  ${text.replace(/\p{C}/gu, '?')}`;
}
