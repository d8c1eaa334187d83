/** `recap board`: curves, samples and configs of runs on a page, live or as one file. */
import type { CommandModule } from 'yargs';
import { bytesWords, plural } from '../amounts.js';
import { BoardServer } from '../board/board-server.js';
import { exportBoard } from '../board/export-board.js';
import { type NamedRun, namedRuns } from '../board/named-runs.js';
import { UserError } from '../errors.js';
import { Screen } from '../report/screen.js';
import { reportError } from './errors.js';
import { aborted, listeningOptions, portNumber, warnOfOthers } from './listening-options.js';
import { outliveOutput } from './output.js';
import { checkOutputFile, writeOutputFile } from './output-file.js';
import { watchSignals } from './signals.js';

interface Arguments {
  run?: string[];
  out?: string;
  host: string;
  port: number;
}

const defaultFolder = 'runs';

export const boardCommand: CommandModule<unknown, Arguments> = {
  builder: (yargs) =>
    yargs
      .positional('run', {
        type: 'string',
        array: true,
        describe: 'Folder of a run, or of runs (default: runs)',
      })
      .options({
        out: { type: 'string', requiresArg: true, describe: 'File for a page that needs neither recap nor a network' },
        ...listeningOptions(8232),
      })
      .example('$0 board', 'all runs in ./runs')
      .example('$0 board runs/a runs/b --out report.html', 'two runs over one another, in a file'),
  handler: board,
};

async function board(words: Arguments): Promise<void> {
  const screen = new Screen();
  const folders = words.run === undefined || words.run.length === 0 ? [defaultFolder] : words.run;
  // Before it listens: a folder that is not there is a slip of the pen.
  const runs = namedRuns(folders);
  if (words.out === undefined) await serve(folders, words.host, portNumber(words.port), screen);
  else if (runs.length > 0) await writeReport(runs, words.out, screen);
  else throw new UserError(`There is no run in ${folders.join(', ')}: recap train makes one.`);
}

async function writeReport(runs: readonly NamedRun[], out: string, screen: Screen): Promise<void> {
  checkOutputFile('--out', out);
  const html = await exportBoard(runs, new Date());
  writeOutputFile('--out', out, html);
  screen.print(`written  ${out}: ${plural(runs.length, 'run')}, ${bytesWords(Buffer.byteLength(html))}`);
}

async function serve(folders: readonly string[], host: string, port: number, screen: Screen): Promise<void> {
  const stop = watchSignals(() => true);
  outliveOutput();
  const server = await BoardServer.listen({ host, port, folders, onError: (error) => void reportError(error) });
  warnOfOthers(host, 'captions travel', screen);
  screen.print(`Listening at ${server.url}`);
  await aborted(stop);
  await server.stop();
}
