/** The scenes of the built-in set: one coloured shape somewhere, or two beside or above each other. */
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { permutation, uniformInts } from '../random.js';

export const shapes = ['circle', 'square', 'triangle', 'cross'] as const;
export const colours = ['red', 'green', 'blue', 'yellow', 'purple', 'white'] as const;
export const sizes = ['small', 'large'] as const;
export const places = ['top left', 'top right', 'bottom left', 'bottom right', 'middle'] as const;
/** How the second of two objects lies to the first. */
export const arrangements = ['right of', 'below'] as const;

export type Shape = (typeof shapes)[number];
export type Colour = (typeof colours)[number];
export type Size = (typeof sizes)[number];
export type Place = (typeof places)[number];
export type Arrangement = (typeof arrangements)[number];

export interface SceneObject {
  readonly shape: Shape;
  readonly colour: Colour;
  readonly size: Size;
  /** Pixels from the left and the top edge to its centre. */
  readonly x: number;
  readonly y: number;
}

/** Two objects never have the same colour. */
export type Scene =
  | { readonly objects: readonly [SceneObject]; readonly place: Place }
  | { readonly objects: readonly [SceneObject, SceneObject]; readonly arrangement: Arrangement };

/** Pixels of an image's side. */
export const imageSide = 64;
/** Half the width of an object, in pixels. */
export const radius: Readonly<Record<Size, number>> = { small: 6, large: 11 };

const near = imageSide / 4;
const middle = imageSide / 2;
const far = imageSide - near;
const placeCentres: Readonly<Record<Place, readonly [number, number]>> = {
  'top left': [near, near],
  'top right': [far, near],
  'bottom left': [near, far],
  'bottom right': [far, far],
  middle: [middle, middle],
};

interface Looks {
  readonly shape: Shape;
  readonly colour: Colour;
  readonly size: Size;
}

/** What a caption can tell of a scene; the exact pixels are drawn later. */
type SceneKind =
  | { readonly looks: readonly [Looks]; readonly place: Place }
  | { readonly looks: readonly [Looks, Looks]; readonly arrangement: Arrangement };

export interface SceneCounts {
  readonly single: number;
  readonly pairs: number;
}

/**
 * Scenes of both splits. No validation scene can be told from its caption to be one of the training scenes: its
 * combination of looks and places does not occur there.
 */
export function drawScenes(
  random: RandomGenerator,
  train: SceneCounts,
  val: SceneCounts,
): { train: Scene[]; val: Scene[] } {
  const everyLook = shapes.flatMap((shape) =>
    colours.flatMap((colour) => sizes.map((size) => ({ shape, colour, size }))),
  );
  const single: SceneKind[] = everyLook.flatMap((looks) => places.map((place) => ({ looks: [looks], place })));
  const pairs: SceneKind[] = everyLook.flatMap((first) =>
    everyLook
      .filter((second) => second.colour !== first.colour)
      .flatMap((second) => arrangements.map((arrangement) => ({ looks: [first, second], arrangement }))),
  );
  const [valSingle, trainSingle] = divide(random, single, Math.floor(single.length / 6));
  const [valPairs, trainPairs] = divide(random, pairs, val.pairs);
  const draw = (kinds: readonly SceneKind[], count: number): Scene[] =>
    Array.from({ length: count }, (_, i) => place(random, kinds[i % kinds.length]!));
  const mix = (scenes: readonly Scene[]) => Array.from(permutation(random, scenes.length), (i) => scenes[i]!);
  return {
    train: mix([...draw(trainSingle, train.single), ...draw(trainPairs, train.pairs)]),
    val: mix([...draw(valSingle, val.single), ...draw(valPairs, val.pairs)]),
  };
}

function divide<T>(random: RandomGenerator, items: readonly T[], count: number): [T[], T[]] {
  const order = Array.from(permutation(random, items.length), (i) => items[i]!);
  return [order.slice(0, count), order.slice(count)];
}

function place(random: RandomGenerator, kind: SceneKind): Scene {
  const wobble = (most: number) => uniformInts(random, 2 * most + 1, 1)[0]! - most;
  if ('place' in kind) {
    const [x, y] = placeCentres[kind.place];
    return { objects: [{ ...kind.looks[0], x: x + wobble(3), y: y + wobble(3) }], place: kind.place };
  }
  const along = [near + wobble(3), far + wobble(3)] as const;
  const across = [middle + wobble(6), middle + wobble(6)] as const;
  const [first, second] = kind.looks;
  const centre = (i: 0 | 1) =>
    kind.arrangement === 'right of' ? { x: along[i], y: across[i] } : { x: across[i], y: along[i] };
  return {
    objects: [
      { ...first, ...centre(0) },
      { ...second, ...centre(1) },
    ],
    arrangement: kind.arrangement,
  };
}
