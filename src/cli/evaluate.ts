/** `recap evaluate`: scores captions against their references, those of checkpoints or captions made elsewhere. */
import type { CommandModule } from 'yargs';
import type { FolderSplit } from '../data/dataset.js';
import { UserError } from '../errors.js';
import { readCandidates, readReferences } from '../evaluation/caption-files.js';
import { type CaptionScores, type ScoreOptions, scoreCaptions } from '../evaluation/score-captions.js';
import { scoreLines, scoreRecord } from '../evaluation/score-report.js';
import { type CaptionTokens, captionTokens } from '../evaluation/tokenise.js';
import { Screen } from '../report/screen.js';
import { type DecodingArguments, decodingNames, decodingOptions, splitOption } from './decoding-options.js';
import { quietOption, setOption } from './options.js';
import { checkOutputFile, writeOutputFile } from './output-file.js';

export interface EvaluateArguments extends DecodingArguments {
  candidates?: string;
  run?: string;
  split?: FolderSplit;
  refs?: string;
  tokens: CaptionTokens;
  idf?: string;
  out?: string;
  json: boolean;
  quiet: boolean;
  set: string[];
}

export const evaluateCommand: CommandModule<unknown, EvaluateArguments> = {
  builder: (yargs) =>
    yargs
      .options({
        run: { type: 'string', requiresArg: true, describe: 'Folder of a run, whose best checkpoint writes captions' },
        ...decodingOptions,
        split: splitOption,
        candidates: {
          type: 'string',
          requiresArg: true,
          describe: 'Captions made elsewhere, to score in place of a checkpoint’s: COCO results, [{image_id, caption}]',
        },
        refs: {
          type: 'string',
          requiresArg: true,
          describe: 'References: COCO annotations, or [{image_idx, captions}] (default: those of the data)',
        },
        tokens: {
          choices: captionTokens,
          default: 'ptb' as const,
          describe: "Words as coco-caption takes them, or [a-z0-9']+ in lower case",
        },
        idf: {
          type: 'string',
          requiresArg: true,
          describe: 'File of references whose document frequencies CIDEr takes (default: the references)',
        },
        out: {
          type: 'string',
          requiresArg: true,
          describe: 'File for all of it as JSON, with the captions and scores of each image',
        },
        json: { type: 'boolean', default: false, describe: 'Print JSON' },
        quiet: quietOption,
        set: setOption,
      })
      .example('$0 evaluate --run runs/a --beam 3', 'all validation images, by the best checkpoint of a run')
      .example('$0 evaluate --checkpoint runs/a --checkpoint runs/b --split test --beam 5', 'two models together')
      .example('$0 evaluate --candidates captions.json --refs val_refs.json', 'captions made elsewhere')
      .example('$0 evaluate --candidates c.json --refs captions_val2014.json --json', 'COCO’s own references')
      .example('$0 evaluate --candidates c.json --refs r.json --tokens words --out scores.json', 'by image, in a file'),
  handler: evaluate,
};

/** What is scored, and what a record of it says beside the scores. */
export interface Evaluation {
  readonly scores: CaptionScores;
  readonly about: Readonly<Record<string, unknown>>;
  /** Of each image. */
  readonly perImage: readonly unknown[];
}

async function evaluate(words: EvaluateArguments): Promise<void> {
  const screen = new Screen({ live: process.stderr, quiet: words.quiet });
  const { tokens, idf, out } = words;
  if (out !== undefined) checkOutputFile('--out', out);
  const options = { tokens, ...(idf === undefined ? {} : { idf: readReferences(idf) }) };
  const { scores, about, perImage } =
    words.candidates === undefined
      ? await ofCheckpoints(words, options, screen)
      : await ofCandidates(words, words.candidates, options);
  const record = { ...about, ...scoreRecord(scores) };
  const lines = words.json ? JSON.stringify(record, null, 2).split('\n') : scoreLines(scores);
  screen.endLive();
  for (const line of lines) screen.result(line);
  // Last: whatever comes of the file, the scores have been seen.
  if (out !== undefined) writeOutputFile('--out', out, `${JSON.stringify({ ...record, perImage }, null, 1)}\n`);
}

async function ofCandidates(words: EvaluateArguments, candidates: string, options: ScoreOptions): Promise<Evaluation> {
  if (words.run !== undefined || words.checkpoint.length > 0) {
    throw new UserError('evaluate takes either --candidates, captions made elsewhere, or --run or --checkpoint.');
  }
  const ofCaptioning = (['split', ...decodingNames] as const).find((name) => words[name] !== undefined);
  if (ofCaptioning !== undefined || words.set.length > 0) {
    throw new UserError(
      `--${ofCaptioning ?? 'set'} goes with --run or --checkpoint; --candidates are captions already.`,
    );
  }
  if (words.refs === undefined) throw new UserError('--candidates needs --refs: the file of their references.');
  const scores = await scoreCaptions(readCandidates(candidates), readReferences(words.refs), options);
  return { scores, about: {}, perImage: scores.perImage };
}

async function ofCheckpoints(words: EvaluateArguments, options: ScoreOptions, screen: Screen): Promise<Evaluation> {
  // Loading what writes captions takes as long as scoring thousands that are there.
  const { evaluateCheckpoints } = await import('./evaluate-checkpoints.js');
  return evaluateCheckpoints(words, options, screen);
}
