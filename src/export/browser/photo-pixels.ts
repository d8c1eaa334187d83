/** From a photo, as a browser decodes it, to the pixels that an extractor reads. */
import { placementOf, type Size } from '../../features/placement.js';
import type { Pixels, Preprocessing } from '../../features/preprocessing.js';
import { resampled } from '../../features/resampling.js';

/** Canvases of phones hold no more; a larger photo the browser itself shrinks first. */
const mostPixels = 16_000_000;

/**
 * Turned as it is meant to be seen, in sRGB, of an animation the first image, on white where it is transparent.
 *
 * @returns (height, width, 3)
 * @throws Error saying why it cannot be
 */
export async function photoPixels(
  photo: Blob,
  wanted: Pick<Preprocessing, 'height' | 'width' | 'shorterSide' | 'kernel'>,
): Promise<Pixels> {
  const image = await decoded(photo);
  try {
    const size = { width: image.width, height: image.height };
    const pixels = coloursOf(image);
    const placement = placementOf(size, wanted);
    return placement === null ? pixels : resampled(pixels, size, placement, wanted);
  } finally {
    image.close();
  }
}

async function decoded(photo: Blob): Promise<ImageBitmap> {
  const whole = await createImageBitmap(photo).catch(() => {
    throw new Error('This browser cannot read the photo. Give it as JPEG or PNG.');
  });
  const share = Math.sqrt(mostPixels / (whole.width * whole.height));
  if (share >= 1) return whole;
  const [resizeWidth, resizeHeight] = [whole.width, whole.height].map((side) => Math.max(1, Math.floor(side * share)));
  const options = { resizeWidth: resizeWidth!, resizeHeight: resizeHeight!, resizeQuality: 'high' } as const;
  return await createImageBitmap(whole, options).finally(() => whole.close());
}

function coloursOf(image: ImageBitmap): Pixels {
  const { width, height } = image;
  const context = canvasContext({ width, height });
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(3 * width * height);
  for (let i = 0, at = 0; at < pixels.length; i += 4) {
    for (let colour = 0; colour < 3; colour++) pixels[at++] = data[i + colour]!;
  }
  return pixels;
}

/** The address of a picture of (height, width, 3). */
export function pictureAddress(pixels: Pixels, size: Size): string {
  const context = canvasContext(size);
  const picture = context.createImageData(size.width, size.height);
  for (let i = 0, at = 0; at < pixels.length; i += 4) {
    for (let colour = 0; colour < 3; colour++) picture.data[i + colour] = pixels[at++]!;
    picture.data[i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
  return context.canvas.toDataURL('image/jpeg', 0.9);
}

function canvasContext({ width, height }: Size): CanvasRenderingContext2D {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('This browser has no room for the photo.');
  return context;
}
