/** Preprocessing of the networks that people have as ONNX files, as those who trained them describe it. */
import type { Preprocessing } from './preprocessing.js';

/** ImageNet's mean and deviation in torchvision's models, from values between 0 and 1. */
const imageNet = of255([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

const torchvision: Preprocessing = {
  height: 224,
  width: 224,
  shorterSide: 256,
  kernel: 'linear',
  layout: 'nchw',
  channels: 'rgb',
  ...imageNet,
};

export const presets = {
  /** torchvision and the ONNX model zoo. */
  vgg16: torchvision,
  /** The weights of Simonyan and Zisserman as Caffe and Keras have them, CS231n's: blue first, only the mean taken off. */
  'vgg16-caffe': { ...torchvision, channels: 'bgr', mean: [123.68, 116.779, 103.939], scale: [1, 1, 1] },
  resnet: torchvision,
  inception: { ...torchvision, height: 299, width: 299, shorterSide: 342, ...evenly(127.5, 127.5) },
  mobilenet: torchvision,
  efficientnet: { ...torchvision, kernel: 'cubic' },
  'efficientnet-lite': { ...torchvision, shorterSide: 224, kernel: 'cubic', ...evenly(127, 128) },
  clip: {
    ...torchvision,
    shorterSide: 224,
    kernel: 'cubic',
    ...of255([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
  },
  dinov2: { ...torchvision, kernel: 'cubic' },
} as const satisfies Readonly<Record<string, Preprocessing>>;

export type PresetName = keyof typeof presets;

export const presetNames = Object.keys(presets) as PresetName[];

type Colours = readonly [number, number, number];

function of255(mean: Colours, deviation: Colours): Pick<Preprocessing, 'mean' | 'scale'> {
  const times255 = ([r, g, b]: Colours): [number, number, number] => [255 * r, 255 * g, 255 * b];
  return { mean: times255(mean), scale: times255(deviation) };
}

function evenly(mean: number, scale: number): Pick<Preprocessing, 'mean' | 'scale'> {
  return { mean: [mean, mean, mean], scale: [scale, scale, scale] };
}
