/** The captions of the built-in set: a small grammar with synonyms. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { type Arrangement, colours, type Place, type Scene, type SceneObject, type Shape, type Size } from './scene.js';

const sizeWords: Readonly<Record<Size, readonly string[]>> = { small: ['small', 'little'], large: ['large', 'big'] };
const shapeWords: Readonly<Record<Shape, readonly string[]>> = {
  circle: ['circle', 'disc'],
  square: ['square', 'box'],
  triangle: ['triangle'],
  cross: ['cross'],
};
const placeWords: Readonly<Record<Place, readonly string[]>> = {
  'top left': ['in the top left corner', 'in the upper left corner'],
  'top right': ['in the top right corner', 'in the upper right corner'],
  'bottom left': ['in the bottom left corner', 'in the lower left corner'],
  'bottom right': ['in the bottom right corner', 'in the lower right corner'],
  middle: ['in the middle', 'in the center'],
};
/** First to second object, and second to first. */
const relationWords: Readonly<Record<Arrangement, readonly [readonly string[], readonly string[]]>> = {
  'right of': [
    ['left of', 'to the left of'],
    ['right of', 'to the right of'],
  ],
  below: [
    ['above', 'over'],
    ['below', 'under'],
  ],
};
const openings = ['', 'there is '];

/** Words of the longest caption. */
export const longestCaption = 12;

/** Every word that a caption may have, sorted. */
export function grammarWords(): string[] {
  const phrases = [sizeWords, shapeWords, placeWords, relationWords].flatMap((table) => Object.values(table).flat(2));
  return [...new Set(['a', ...colours, ...openings, ...phrases].flatMap((phrase) => phrase.trim().split(' ')))]
    .filter((word) => word !== '')
    .sort();
}

type Choose = (options: readonly string[], firstShare: number) => readonly string[];

/** Every true caption of a scene that the grammar has. */
export function trueCaptions(scene: Scene): string[] {
  return captions(scene, (options) => options);
}

/** Whether a caption is one of the grammar's true ones for this scene. */
export function isTrueCaption(scene: Scene, caption: string): boolean {
  return trueCaptions(scene).includes(caption.trim());
}

/** One true caption, usual words more likely than their synonyms, the left or upper object mostly named first. */
export function drawCaption(random: RandomGenerator, scene: Scene): string {
  const one: Choose = (options, firstShare) =>
    options.length > 1 && uniformFloat64(random) >= firstShare ? [options[1]!] : [options[0]!];
  const all = captions(scene, one);
  return all.length > 1 && uniformFloat64(random) >= 0.8 ? all[1]! : all[0]!;
}

function captions(scene: Scene, choose: Choose): string[] {
  if ('place' in scene) {
    return product([
      choose(openings, 0.7),
      nounPhrases(scene.objects[0], choose),
      [' '],
      choose(placeWords[scene.place], 0.7),
    ]);
  }
  const [first, second] = scene.objects;
  const [forward, back] = relationWords[scene.arrangement];
  const sentence = (a: SceneObject, relation: readonly string[], b: SceneObject) =>
    product([nounPhrases(a, choose), [' '], choose(relation, 0.7), [' '], nounPhrases(b, choose)]);
  return [...sentence(first, forward, second), ...sentence(second, back, first)];
}

function nounPhrases(object: SceneObject, choose: Choose): string[] {
  return product([
    ['a '],
    choose(sizeWords[object.size], 0.7),
    [` ${object.colour} `],
    choose(shapeWords[object.shape], 0.7),
  ]);
}

/** Every way to put one of each part together. */
function product(parts: readonly (readonly string[])[]): string[] {
  return parts.reduce<string[]>((texts, part) => texts.flatMap((text) => part.map((next) => text + next)), ['']);
}
