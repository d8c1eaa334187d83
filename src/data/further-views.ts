/**
 * Further views of the training images, so that a model is trained on more than one picture of a thing: parts of at least
 * four fifths of the sides, half of them mirrored (in the way of Krizhevsky, Sutskever and Hinton 2012, section 4.1).
 */
import type { View } from '../features/views.js';
import { generator, uniform } from './random.js';

/** Of an image. */
export const mostViews = 1000;

const smallestScale = 0.8;

/**
 * @param image its row in the list of images
 * @param view from 1
 * @returns always the same part for the same two
 */
export function furtherView(image: number, view: number): View {
  const random = generator(0, 'view', view, image);
  const [scale, x, y] = [uniform(random), uniform(random), uniform(random)];
  return { scale: smallestScale + (1 - smallestScale) * scale, x, y, mirrored: uniform(random) < 0.5 };
}
