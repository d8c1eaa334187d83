/**
 * From the bytes of a photo to pixels of the size that an extractor reads. Files may be anything: what is no photo is
 * refused by its first bytes, before a decoder sees it, and what would take too much memory by its size.
 */
import type sharpModule from 'sharp';
import { UserError } from '../errors.js';
import { optionalPackage } from './optional-package.js';
import type { Photo } from './photo-files.js';
import { formatOf } from './photo-format.js';
import { type Placement, placementOf, type Size } from './placement.js';
import type { Pixels, Preprocessing } from './preprocessing.js';
import { alone, atMost } from './turns.js';
import { mirrored, placementOfView, type View } from './views.js';

/** Pixels of an image; in 16 bits with transparency they are 800 MB. */
const mostPixels = 100_000_000;
/** Images beyond this are decoded one at a time. */
const manyPixels = 16_000_000;
/** Files that are in memory at a time: as many as Node's threads for such work can decode. */
const filesAtOnce = 4;
/** The longer side by the shorter one. */
const longestShape = 50;

type Sharp = typeof sharpModule;

let library: Promise<Sharp> | undefined;

/** @throws UserError when sharp is missing */
export async function loadDecoder(): Promise<void> {
  await decoder();
}

function decoder(): Promise<Sharp> {
  library ??= optionalPackage('sharp', 'which decodes photos', async () => {
    const { default: sharp } = await import('sharp');
    sharp.cache(false);
    // Photos are decoded side by side, each by one thread.
    sharp.concurrency(1);
    return sharp;
  });
  return library;
}

type Wanted = Pick<Preprocessing, 'height' | 'width' | 'shorterSide' | 'kernel'>;

/**
 * Decodes a photo, turned as its EXIF data says, in sRGB, of an animation the first image, on white where it is
 * transparent. A photo of exactly the wanted size is not resampled.
 *
 * @param view the part of it that is taken in place of the whole
 * @returns (height, width, 3)
 * @throws UserError saying why it cannot be
 */
export async function decodePhoto(photo: Photo, wanted: Wanted, view?: View): Promise<Pixels> {
  return await opened(photo, async (image, size) => {
    const whole = placementOf(size, wanted);
    if (!view) return await pixelsOf(photo.name, image, whole, wanted);
    const part = placementOfView(whole ?? { ...size, left: 0, top: 0 }, view, wanted);
    const pixels = await pixelsOf(photo.name, image, part, wanted);
    return view.mirrored ? mirrored(pixels, wanted) : pixels;
  });
}

/**
 * A photo for a page: a JPEG that holds nothing of the file but its picture.
 *
 * @param longest pixels of the longer side, at most
 * @throws UserError as `decodePhoto`
 */
export async function thumbnailOf(photo: Photo, longest: number): Promise<Uint8Array> {
  const options = { fit: 'inside', withoutEnlargement: true } as const;
  return await opened(photo, (image) =>
    upright(image).resize(longest, longest, options).jpeg({ quality: 80 }).toBuffer(),
  );
}

/** @returns a JPEG of decoded pixels */
export async function pictureOf(pixels: Pixels, { height, width }: Size): Promise<Uint8Array> {
  const sharp = await decoder();
  return await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

type Image = ReturnType<Sharp>;

/** Does something with a photo that has passed all checks. */
async function opened<Result>(
  { name, read }: Photo,
  use: (image: Image, size: Size) => Promise<Result>,
): Promise<Result> {
  const sharp = await decoder();
  return await atMost(filesAtOnce, async () => {
    const bytes = await read();
    const format = formatOf(name, bytes);
    const open = () =>
      sharp(bytes, { failOn: 'warning', limitInputPixels: mostPixels, sequentialRead: true, pages: 1 });
    try {
      const size = await sizeOf(name, format, open());
      const task = () => use(open(), size);
      return await (size.width * size.height > manyPixels ? alone(task) : task());
    } catch (error) {
      throw error instanceof UserError ? error : undecodable(name, error as Error);
    }
  });
}

/** After turning. */
async function sizeOf(name: string, format: string, image: Image): Promise<Size> {
  const metadata = await image.metadata();
  const { width, height } = metadata.autoOrient;
  if (metadata.format !== format) throw new UserError(`${name}: begins as ${format} and is ${metadata.format}.`);
  if (width * height > mostPixels) {
    throw new UserError(`${name}: ${width} × ${height} pixels, where at most ${mostPixels / 1e6} million are read.`);
  }
  const [shorter, longer] = width < height ? [width, height] : [height, width];
  if (longer > shorter * longestShape) {
    throw new UserError(
      `${name}: ${width} × ${height} pixels, a strip rather than a photo (at most ${longestShape} to 1).`,
    );
  }
  return { width, height };
}

/** @param placement null where the photo is taken as it is */
async function pixelsOf(name: string, image: Image, placement: Placement | null, wanted: Wanted): Promise<Pixels> {
  const whole = upright(image);
  if (placement !== null) {
    const { left, top, ...scaled } = placement;
    whole
      .resize(scaled.width, scaled.height, { fit: 'fill', kernel: wanted.kernel, fastShrinkOnLoad: false })
      .extract({ left, top, width: wanted.width, height: wanted.height });
  }
  const { data, info } = await whole.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  if (data.length === wanted.width * wanted.height * 3) return data;
  throw new UserError(`${name}: decodes to ${info.width} × ${info.height} × ${info.channels}; it is damaged.`);
}

/** Turned as it is meant to be seen, in sRGB, on white. */
function upright(image: Image): Image {
  return image.autoOrient().flatten({ background: '#fff' }).toColourspace('srgb');
}

function undecodable(name: string, { message }: Error): UserError {
  if (/pixel limit/.test(message)) {
    return new UserError(`${name}: more than ${mostPixels / 1e6} million pixels.`);
  }
  return new UserError(`${name}: cannot be decoded (${message.replaceAll(/\s+/g, ' ').trim().slice(0, 120)}).`);
}
