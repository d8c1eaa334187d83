/** How a photo becomes the numbers that a network reads. */
import { z } from 'zod';

const positive = z.number().positive();
/** Of red, green and blue, whatever order the network reads them in. */
const colours = z.tuple([z.number(), z.number(), z.number()]).readonly();

export const preprocessingSchema = z.object({
  height: z.int().min(1).max(4096),
  width: z.int().min(1).max(4096),
  /** Pixels of the shorter side before the middle is cut out; null: the photo is stretched to the input's size. */
  shorterSide: z.int().min(1).max(8192).nullable(),
  kernel: z.enum(['linear', 'cubic']),
  layout: z.enum(['nchw', 'nhwc']),
  channels: z.enum(['rgb', 'bgr']),
  /** A pixel is (value - mean) / scale, with values from 0 to 255. */
  mean: colours,
  scale: z.tuple([positive, positive, positive]).readonly(),
});

export type Preprocessing = Readonly<z.infer<typeof preprocessingSchema>>;

/** Colours of an image, row by row: (height, width, 3) bytes, RGB. */
export type Pixels = Uint8Array;
