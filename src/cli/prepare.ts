/** `recap prepare`: makes a data folder of one's own images and captions. */
import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { defaultSplits, type ImageList, type RandomSplits } from '../data/prepare/assign-splits.js';
import { preparationDefaults, prepare } from '../data/prepare/prepare.js';
import { splitNamed } from '../data/prepare/split-words.js';
import { plainWords, type Tokeniser } from '../data/word-tokens.js';
import { UserError } from '../errors.js';
import { type CaptionTokens, captionTokens, tokeniser } from '../evaluation/tokenise.js';
import { preparationLines } from '../report/preparation-lines.js';
import { Screen } from '../report/screen.js';
import { shellWord } from '../shell-word.js';
import { mostSteps } from '../tensor/model-spec.js';
import { quietOption } from './options.js';
import { watchSignals } from './signals.js';
import { wholeNumber } from './whole-number.js';

interface Arguments {
  captions: string[];
  images: string[];
  out: string;
  tokens: 'plain' | CaptionTokens;
  'min-count': number;
  longest: number;
  list: string[];
  val?: number;
  test?: number;
  seed?: number;
  quiet: boolean;
}

export const prepareCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .options({
        captions: {
          type: 'string',
          array: true,
          requiresArg: true,
          default: [] as string[],
          defaultDescription: 'captions.txt in the folder of the images',
          describe:
            'File of captions: COCO’s or Karpathy’s JSON, a Flickr token file, CSV or JSON Lines of image, caption and, ' +
            'if wanted, split, or lines of image and caption; may be repeated',
        },
        images: {
          type: 'string',
          array: true,
          requiresArg: true,
          demandOption: true,
          describe: 'Folder from which the captions name their images; may be repeated',
        },
        out: { type: 'string', requiresArg: true, demandOption: true, describe: 'Folder to be made, new or empty' },
        tokens: {
          choices: ['plain', ...captionTokens] as const,
          default: 'plain' as const,
          describe: "Words: parted at blanks without punctuation, [a-z0-9']+, or as coco-caption; in lower case",
        },
        'min-count': {
          type: 'number',
          requiresArg: true,
          default: preparationDefaults.minCount as number,
          describe: 'How often a word has to come in the training captions; others are <UNK>',
        },
        longest: {
          type: 'number',
          requiresArg: true,
          default: preparationDefaults.longest as number,
          describe: 'Words of a caption; longer ones are cut',
        },
        list: {
          type: 'string',
          array: true,
          requiresArg: true,
          default: [] as string[],
          defaultDescription: 'none',
          describe: 'List of the images of a split, SPLIT=FILE; may be repeated',
        },
        val: { type: 'number', requiresArg: true, describe: share('val', 'for validation') },
        test: { type: 'number', requiresArg: true, describe: share('test', 'for a last test') },
        seed: {
          type: 'number',
          requiresArg: true,
          describe: `Which images are drawn (default: ${defaultSplits.seed})`,
        },
        quiet: quietOption,
      })
      .example('$0 prepare --captions captions.csv --images photos --out data/mine', 'a table of one’s own')
      .example(
        '$0 prepare --captions captions_train2014.json --captions captions_val2014.json --images train2014 --images ' +
          'val2014 --out data/coco',
        'COCO, the splits by the names of the files',
      )
      .example('$0 prepare --captions dataset_coco.json --images coco --out data/coco', 'Karpathy’s splits of COCO')
      .example(
        '$0 prepare --captions Flickr8k.token.txt --list train=Flickr_8k.trainImages.txt --list ' +
          'dev=Flickr_8k.devImages.txt --images Flicker8k_Dataset --tokens words --longest 21 --out data/flickr8k',
        'Flickr8k',
      )
      .example('$0 prepare --images photos --val 0.2 --out data/mine', 'photos with a captions.txt among them'),
  handler: run,
};

function share(name: 'val' | 'test', what: string): string {
  return `Share of the images that is drawn ${what}, where nothing tells the splits (default: ${defaultSplits[name]})`;
}

async function run(words: Arguments): Promise<void> {
  const { captions, images, out } = words;
  const screen = new Screen({ quiet: words.quiet });
  // The exit that follows removes what is half-made.
  watchSignals(() => false);
  const report = await prepare({
    captions: captions.length > 0 ? captions : images.slice(0, 1).map((folder) => join(folder, 'captions.txt')),
    images,
    out,
    tokenise: tokeniserNamed(words.tokens),
    minCount: wholeNumber('--min-count', words['min-count']),
    longest: longestOf(words.longest),
    lists: words.list.map(parseList),
    random: randomOf(words),
    progress: (what, done, of) => screen.wait({ what, done, of }),
  }).finally(() => screen.endLive());
  for (const line of preparationLines(report)) screen.print(line);
  screen.print('');
  screen.result(
    `Made ${shellWord(out)}. Compute features of its images by a network in ONNX (--model FILE), or without one:`,
  );
  screen.result(`  npx recap features --data ${shellWord(out)} --builtin`);
}

function tokeniserNamed(tokens: Arguments['tokens']): Tokeniser {
  return tokens === 'plain' ? plainWords : tokeniser(tokens);
}

/** `<START>` and `<END>` stand beside the words, and a model reads one column less than there are. */
function longestOf(value: number): number {
  const longest = wholeNumber('--longest', value);
  if (longest < mostSteps) return longest;
  throw new UserError(`--longest: found ${longest}, expected at most ${mostSteps - 1}.`);
}

function parseList(text: string): ImageList {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || path === undefined) {
    throw new UserError(`--list ${text}: expected SPLIT=FILE, such as train=Flickr_8k.trainImages.txt.`);
  }
  return { split: splitNamed(name, `--list ${text}`), path };
}

function randomOf({ val, test, seed }: Arguments): Partial<RandomSplits> {
  for (const [name, value] of Object.entries({ val, test })) {
    if (value !== undefined && !(value >= 0 && value < 1)) {
      throw new UserError(`--${name}: found ${value}, expected a share of the images from 0 to below 1.`);
    }
  }
  if (seed !== undefined && !Number.isSafeInteger(seed))
    throw new UserError(`--seed: found ${seed}, expected a whole number.`);
  return {
    ...(val === undefined ? {} : { val }),
    ...(test === undefined ? {} : { test }),
    ...(seed === undefined ? {} : { seed }),
  };
}
