/** From pixels to what a network reads. */
import type { Pixels, Preprocessing } from './preprocessing.js';

/**
 * The network's input for a batch of images of its size.
 *
 * @returns (n, 3, height, width) or (n, height, width, 3)
 */
export function inputOf(images: readonly Pixels[], how: Preprocessing): Float32Array {
  const area = how.height * how.width;
  const input = new Float32Array(images.length * 3 * area);
  const [step, channelStep] = how.layout === 'nchw' ? [1, area] : [3, 1];
  images.forEach((pixels, image) => {
    for (let colour = 0; colour < 3; colour++) {
      const channel = how.channels === 'rgb' ? colour : 2 - colour;
      const mean = how.mean[colour]!;
      const scale = how.scale[colour]!;
      const first = image * 3 * area + channel * channelStep;
      for (let i = 0; i < area; i++) input[first + i * step] = (pixels[3 * i + colour]! - mean) / scale;
    }
  });
  return input;
}
