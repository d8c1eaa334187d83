/** `recap features`: computes features of the images of a data set, by a network or without one. */
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CommandModule } from 'yargs';
import { duration } from '../amounts.js';
import { extractFeatures } from '../data/extract-features.js';
import { mostViews } from '../data/further-views.js';
import { UserError } from '../errors.js';
import { describeNetwork, type Extractor, openBuiltIn, openNetwork } from '../features/extractor.js';
import { type PresetName, presetNames } from '../features/presets.js';
import { Screen } from '../report/screen.js';
import { shellWord } from '../shell-word.js';
import { quietOption } from './options.js';
import { watchSignals } from './signals.js';
import { wholeNumber } from './whole-number.js';

interface Arguments {
  data: string;
  model?: string;
  builtin: boolean;
  preset?: PresetName;
  pooled?: string;
  grid?: string;
  input?: string;
  size?: number;
  resize?: number;
  crop?: 'center' | 'none';
  layout?: 'nchw' | 'nhwc';
  channels?: 'rgb' | 'bgr';
  mean?: string;
  scale?: string;
  pca?: number;
  views?: number;
  quiet: boolean;
}

const text = { type: 'string', requiresArg: true } as const;
const number = { type: 'number', requiresArg: true } as const;

export const featuresCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .options({
        data: { ...text, demandOption: true, describe: 'Data folder, with lists of images (SPLIT2014_images.txt)' },
        model: { ...text, describe: 'Network (ONNX)' },
        builtin: {
          type: 'boolean',
          default: false,
          describe: 'Without a network: statistics of colour, gradient and texture; weak, for trying things out',
        },
        preset: { choices: presetNames, describe: 'How pixels become its input' },
        pooled: { ...text, describe: 'Tensor of the features, anywhere in the graph (default: its output)' },
        grid: { ...text, describe: 'Tensor of the grid that attention looks at, anywhere in the graph' },
        input: { ...text, describe: 'Input for images (default: the only one)' },
        size: { ...number, describe: 'Height and width of the input (default: what the model says)' },
        resize: { ...number, describe: 'Pixels of the shorter side before the middle is cut out' },
        crop: { choices: ['center', 'none'] as const, describe: 'Cut out the middle, or stretch' },
        layout: {
          choices: ['nchw', 'nhwc'] as const,
          describe: 'Order of the dimensions (default: what the model says)',
        },
        channels: { choices: ['rgb', 'bgr'] as const, describe: 'Order of the colours' },
        mean: { ...text, describe: 'A pixel is (value - mean) / scale, with values from 0 to 255: a number, or R,G,B' },
        scale: { ...text, describe: 'See --mean' },
        quiet: quietOption,
        pca: { ...number, describe: 'Project to so many principal components too (data.features: fc7_pca)' },
        views: {
          ...number,
          describe: 'Further views of each training photo, parts of it and half of them mirrored (data.views)',
        },
      })
      .example('$0 features --data data --builtin', 'without a network')
      .example('$0 features --data data --model resnet50.onnx --preset resnet --pooled flatten0', 'pooled features')
      .example(
        '$0 features --data data --model lite2.onnx --preset efficientnet-lite --pooled pool --grid conv',
        'with the grid before the pooling',
      ),
  handler: features,
};

async function features(words: Arguments): Promise<void> {
  const screen = new Screen({ quiet: words.quiet });
  const pca = words.pca === undefined ? null : wholeNumber('--pca', words.pca);
  const views = words.views === undefined ? 0 : wholeNumber('--views', words.views, mostViews);
  let kept: { readonly done: number; readonly total: number } | null = null;
  watchSignals((signal) => {
    screen.endLive();
    if (kept) screen.warn(stopping(signal, kept));
    return false;
  });
  const extractor = await extractorWanted(words);
  try {
    const outcome = await extractFeatures(words.data, extractor, {
      pca,
      views,
      events: {
        resumed: (done, total) => {
          kept = { done, total };
          screen.print(`going on after ${done} of ${total} images`);
        },
        progress: ({ done, total, imagesPerSecond, secondsLeft }) => {
          kept = { done, total };
          screen.wait({
            what: 'features',
            done,
            of: total,
            unit: `images  ${imagesPerSecond.toFixed(1)}/s`,
            plain: `${done}/${total} images  ${imagesPerSecond.toFixed(1)} images/s  ${duration(1000 * secondsLeft)} left`,
          });
        },
        writing: (path) => screen.wait({ what: `writing ${path}` }),
        waiting: (message) => screen.warn(message),
      },
    });
    kept = null;
    screen.endLive();
    const { columns, grid, images, files } = outcome;
    const counts = Object.entries(images).map(([split, count]) => `${count} ${split}`);
    screen.result(`features  ${counts.join(', ')}: ${columns} columns`);
    if (views > 0) screen.result(`views     ${views} more of each training image`);
    if (grid) screen.result(`grid      ${grid.positions} vectors of ${grid.columns} columns`);
    for (const path of files) screen.result(`written   ${path}`);
    screen.result('Train on them with');
    screen.result(`  ${trainingCommand(words.data, grid !== null, views)}`);
  } finally {
    screen.endLive();
    await extractor.close();
  }
}

function stopping(signal: NodeJS.Signals, { done, total }: { done: number; total: number }): string {
  const what =
    done < total
      ? `stopped after ${done} of ${total} images, which are`
      : `stopped; the features of all ${total} images are`;
  return `${signal}: ${what} kept. The same command goes on from there.`;
}

/** With a config that recap brings along. */
function trainingCommand(data: string, hasGrid: boolean, views: number): string {
  const name = hasGrid ? 'flickr8k-attention.yaml' : 'flickr8k-tuned.yaml';
  const config = fileURLToPath(new URL(`../../../config/${name}`, import.meta.url));
  const sets = [`data.dir=${data}`, ...(views > 0 ? [`data.views=${views}`] : [])];
  return `npx recap train --config ${shellWord(relative('.', config))}${sets.map((set) => ` --set ${shellWord(set)}`).join('')}`;
}

const networkOptions = [
  'preset',
  'pooled',
  'grid',
  'input',
  'size',
  'resize',
  'crop',
  'layout',
  'channels',
  'mean',
  'scale',
] as const;

async function extractorWanted({
  data: _,
  pca: __,
  views: ___,
  quiet: ____,
  builtin,
  model,
  mean,
  scale,
  ...wanted
}: Arguments): Promise<Extractor> {
  if (builtin === (model !== undefined)) {
    const script = relative(
      '.',
      fileURLToPath(new URL('../../../scripts/export-efficientnet-lite2.py', import.meta.url)),
    );
    throw new UserError(
      `features needs either --model FILE or --builtin. A network to start with is made by ${shellWord(script)}, which says how.`,
    );
  }
  if (model === undefined) {
    const ofNetworks = networkOptions.find((name) => ({ mean, scale, ...wanted })[name] !== undefined);
    if (ofNetworks)
      throw new UserError(`--${ofNetworks} goes with --model; the built-in extractor has no such option.`);
    return await openBuiltIn();
  }
  const { file, description } = describeNetwork(resolve(model), {
    ...wanted,
    ...(mean === undefined ? {} : { mean: numbersOf('--mean', mean) }),
    ...(scale === undefined ? {} : { scale: numbersOf('--scale', scale) }),
  });
  return await openNetwork(file, description);
}

function numbersOf(option: string, text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.every(Number.isFinite)) return numbers;
  throw new UserError(
    `${option}: expected one number, or three for red, green and blue, such as 123.68,116.78,103.94.`,
  );
}
