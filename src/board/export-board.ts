/** Runs as one file that needs neither recap nor a network. */

import { bytesWords } from '../amounts.js';
import { UserError } from '../errors.js';
import { version } from '../version.js';
import type { BoardData, RunData } from './board-data.js';
import type { NamedRun } from './named-runs.js';
import { boardFile, scriptJson } from './page.js';
import { readPicture } from './run-files.js';
import { WatchedRun } from './watched-run.js';

/** Points of a curve: at twice a screen's width zooming in still shows more. All runs together have so many. */
const mostPoints = 4000;
const allPoints = 24_000;
/** Bytes of all pictures of a run, and of all runs; those of the last samples come first. */
const mostPictureBytes = 8 * 2 ** 20;
const allPictureBytes = 64 * 2 ** 20;
/** Bytes of what the page shows: a browser opens more of them slowly or not at all. */
const largest = 200e6;

/**
 * @returns HTML
 * @throws UserError where the page would be too large
 */
export async function exportBoard(found: readonly NamedRun[], now: Date): Promise<string> {
  const points = Math.max(500, Math.min(mostPoints, Math.floor(allPoints / found.length)));
  const pictureBytes = Math.min(mostPictureBytes, allPictureBytes / found.length);
  const runs: string[] = [];
  let bytes = 0;
  for (const each of found) {
    const run = new WatchedRun(each);
    await run.read();
    const data = run.data(points, embeddedPictures(run, pictureBytes));
    // Whoever opens the file does so at another time.
    const json = scriptJson({ ...data, isTraining: false } satisfies RunData);
    bytes += Buffer.byteLength(json);
    // A string of all could be longer than strings may be.
    if (bytes > largest) {
      const what = `The page would be larger than ${bytesWords(largest)}; expected one that a browser opens.`;
      throw new UserError(`${what} Name fewer runs, or look at them without --out.`);
    }
    runs.push(json);
  }
  const head = { written: now.toISOString(), version } satisfies Omit<BoardData, 'runs'>;
  return boardFile(`{"runs":[${runs.join(',')}],${scriptJson(head).slice(1)}`);
}

function embeddedPictures(run: WatchedRun, most: number): Record<string, string> {
  const embedded: Record<string, string> = {};
  let left = most;
  for (const path of run.picturePaths().reverse()) {
    const picture = readPicture(run.found.dir, path);
    if (picture === null || picture.bytes.length > left) continue;
    left -= picture.bytes.length;
    embedded[path] = `data:${picture.type};base64,${picture.bytes.toString('base64')}`;
  }
  return embedded;
}
