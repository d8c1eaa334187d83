/** Preprocessing from a preset, from options, and from what the network says of its input. */
import { UserError } from '../errors.js';
import type { GraphInput, OnnxGraph } from './onnx-graph.js';
import { type Preprocessing, preprocessingSchema } from './preprocessing.js';
import { type PresetName, presetNames, presets } from './presets.js';

export interface PreprocessingWanted {
  readonly preset?: PresetName;
  /** Height and width of the input; by default the network's, or the preset's. */
  readonly size?: number;
  /** Pixels of the shorter side before the middle is cut out. */
  readonly resize?: number;
  /** `none` stretches a photo to the input's size. */
  readonly crop?: 'center' | 'none';
  readonly layout?: Preprocessing['layout'];
  readonly channels?: Preprocessing['channels'];
  readonly mean?: readonly number[];
  readonly scale?: readonly number[];
}

/**
 * The input that takes images.
 *
 * @throws UserError when several could be meant, or none is an image's
 */
export function imageInput(path: string, { inputs }: OnnxGraph, name: string | undefined): GraphInput {
  const names = inputs.map((input) => input.name).join(', ');
  const input = name === undefined ? inputs[0] : inputs.find((each) => each.name === name);
  if (input === undefined)
    throw new UserError(`--input: ${path} has no input ${name}, only ${names || 'none at all'}.`);
  if (name === undefined && inputs.length > 1) {
    throw new UserError(
      `${path} has the inputs ${names}. Name the one for images by --input; a network that needs more than images ` +
        'cannot be run here.',
    );
  }
  if (input.shape.length === 4 || input.shape.length === 0) return input;
  throw new UserError(
    `${path}: the input ${input.name} has ${input.shape.length} dimensions, where 4 are expected: (n, 3, H, W) or ` +
      '(n, H, W, 3).',
  );
}

/** @throws UserError when something is missing, or contradicts the network */
export function wantedPreprocessing(path: string, input: GraphInput, wanted: PreprocessingWanted): Preprocessing {
  const preset: Preprocessing | undefined = wanted.preset === undefined ? undefined : presets[wanted.preset];
  const mean = wanted.mean === undefined ? preset?.mean : threeOf('--mean', wanted.mean);
  const scale = wanted.scale === undefined ? preset?.scale : threeOf('--scale', wanted.scale);
  if (mean === undefined || scale === undefined) {
    throw new UserError(
      `How pixels become the input of ${path} is not known. Give --preset (${presetNames.join(', ')}), or --mean and ` +
        '--scale: a pixel is (value - mean) / scale, with values from 0 to 255.',
    );
  }
  const layout = layoutOf(path, input, wanted.layout ?? preset?.layout ?? 'nchw', wanted.layout !== undefined);
  const [height, width] = sizeOf(path, input, layout, wanted.size, preset);
  const fraction = preset?.shorterSide ? preset.shorterSide / preset.height : 1;
  const shorterSide = wanted.resize ?? Math.round(fraction * Math.max(height, width));
  const found = preprocessingSchema.safeParse({
    height,
    width,
    shorterSide: wanted.crop === 'none' ? null : shorterSide,
    kernel: preset?.kernel ?? 'linear',
    layout,
    channels: wanted.channels ?? preset?.channels ?? 'rgb',
    mean,
    scale,
  });
  if (!found.success) {
    const [issue] = found.error.issues;
    throw new UserError(`The preprocessing makes no sense: ${issue?.path.join('.')}: ${issue?.message}.`);
  }
  if (wanted.crop !== 'none' && shorterSide < Math.max(height, width)) {
    throw new UserError(`--resize: ${shorterSide} pixels are too few to cut ${height} × ${width} out of.`);
  }
  return found.data;
}

function layoutOf(
  path: string,
  { shape }: GraphInput,
  wanted: Preprocessing['layout'],
  isExplicit: boolean,
): Preprocessing['layout'] {
  const said = shape[1] === 3 ? 'nchw' : shape[3] === 3 ? 'nhwc' : undefined;
  if (said === undefined || said === wanted) return wanted;
  if (isExplicit) throw new UserError(`--layout: ${wanted}, but ${path} reads ${said}, (${shapeText(shape)}).`);
  return said;
}

function sizeOf(
  path: string,
  { shape }: GraphInput,
  layout: Preprocessing['layout'],
  size: number | undefined,
  preset: Preprocessing | undefined,
): [height: number, width: number] {
  const said = layout === 'nchw' ? shape.slice(2, 4) : shape.slice(1, 3);
  const [height = null, width = null] = said;
  if (size !== undefined && [height, width].some((each) => each !== null && each !== size)) {
    throw new UserError(`--size: ${size}, but ${path} reads (${shapeText(shape)}).`);
  }
  const found = [height ?? size ?? preset?.height, width ?? size ?? preset?.width];
  if (found[0] !== undefined && found[1] !== undefined) return [found[0], found[1]];
  throw new UserError(`The input of ${path} has no fixed size. Give --size.`);
}

function threeOf(option: string, values: readonly number[]): [number, number, number] {
  const [r, g = r, b = r] = values;
  if ((values.length === 1 || values.length === 3) && values.every(Number.isFinite)) return [r!, g!, b!];
  throw new UserError(
    `${option}: expected one number, or three for red, green and blue, such as 123.68,116.78,103.94.`,
  );
}

function shapeText(shape: GraphInput['shape']): string {
  return shape.map((size) => size ?? '?').join(', ');
}
