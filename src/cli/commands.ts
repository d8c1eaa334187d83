/**
 * The commands, in the order of the help. Each is loaded when it is called: all of them together take several times as
 * long to load as Node takes to start.
 */
import type { CommandModule } from 'yargs';

/** The options of a command and what it does: of a `CommandModule`, whose arguments differ from one to the next. */
interface Action {
  readonly builder?: unknown;
  handler(given: never): void | Promise<void>;
}

interface Command {
  /** Its name, and what it takes beside options. */
  readonly words: string;
  readonly describe: string;
  /** Whether it is one command in all processes that an MPI launcher starts. */
  readonly joinsRanks?: true;
  readonly load: () => Promise<Action>;
}

export const commands: readonly Command[] = [
  {
    words: 'prepare',
    describe: 'Make a data folder of images and captions',
    load: async () => (await import('./prepare.js')).prepareCommand,
  },
  {
    words: 'features',
    describe: 'Compute the features of images, by a network or without one',
    load: async () => (await import('./features.js')).featuresCommand,
  },
  {
    words: 'train',
    joinsRanks: true,
    describe: 'Train a captioner from a config, or go on with a run',
    load: async () => (await import('./train.js')).trainCommand,
  },
  {
    words: 'sweep',
    describe: 'Train a config with other settings, one run after another, and compare them',
    load: async () => (await import('./sweep.js')).sweepCommand,
  },
  {
    words: 'overfit',
    describe: 'Check that the captioner can memorise a few captions',
    load: async () => (await import('./overfit.js')).overfitCommand,
  },
  {
    words: 'caption [photos..]',
    describe: 'Caption images from checkpoints',
    load: async () => (await import('./caption.js')).captionCommand,
  },
  {
    words: 'board [run..]',
    describe: 'Show runs on a page, live or as one file',
    load: async () => (await import('./board.js')).boardCommand,
  },
  {
    words: 'serve',
    describe: 'Caption photos over HTTP, for a page and for programs',
    load: async () => (await import('./serve.js')).serveCommand,
  },
  {
    words: 'evaluate',
    describe: 'Score captions of checkpoints, or of a file, against references',
    load: async () => (await import('./evaluate.js')).evaluateCommand,
  },
  {
    words: 'export',
    describe: 'Write a trained captioner as ONNX, or as a page that captions photos without a server',
    load: async () => (await import('./export.js')).exportCommand,
  },
  {
    words: 'runs [dir]',
    describe: 'List the runs on the disk',
    load: async () => (await import('./runs.js')).runsCommand,
  },
  {
    words: 'show <run>',
    describe: 'Show one run in full',
    load: async () => (await import('./show.js')).showCommand,
  },
  {
    words: 'diff <runs..>',
    describe: 'Show where the configs of runs differ',
    load: async () => (await import('./diff.js')).diffCommand,
  },
  {
    words: 'prune [dir]',
    describe: 'Delete what of runs nobody needs any more, after a dry run',
    load: async () => (await import('./prune.js')).pruneCommand,
  },
  {
    words: 'gradcheck',
    describe: 'Compare analytic with numeric gradients in float64',
    load: async () => (await import('./gradcheck.js')).gradcheckCommand,
  },
  {
    words: 'bench',
    joinsRanks: true,
    describe: 'Measure training speed',
    load: async () => (await import('./bench.js')).benchCommand,
  },
  {
    words: 'info',
    describe: 'Print engines, threads and versions of this machine',
    load: async () => (await import('./info.js')).infoCommand,
  },
  {
    words: 'completion <shell>',
    describe: 'Print the script by which bash, zsh or fish completes command lines',
    load: async () => (await import('./completion.js')).completionCommand,
  },
];

export function nameOf({ words }: Command): string {
  return words.split(' ')[0]!;
}

/** What yargs is told of the commands: all of those that the words may call, and of the others what the help says. */
export function modulesFor(words: readonly string[]): Promise<CommandModule[]> {
  return Promise.all(
    commands.map(async (command) => ({
      command: command.words,
      describe: command.describe,
      ...((words.includes(nameOf(command)) ? await command.load() : { handler: () => {} }) as CommandModule),
    })),
  );
}
