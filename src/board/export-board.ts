/** Runs as one file that needs neither recap nor a network. */
import { version } from '../version.js';
import type { BoardData } from './board-data.js';
import type { NamedRun } from './named-runs.js';
import { boardFile } from './page.js';
import { readPicture } from './run-files.js';
import { WatchedRun } from './watched-run.js';

/** Points of a curve: at twice a screen's width zooming in still shows more. All runs together have so many. */
const mostPoints = 4000;
const allPoints = 24_000;
/** Bytes of all pictures of a run; those of the last samples come first. */
const mostPictureBytes = 8 * 2 ** 20;

/** @returns HTML */
export async function exportBoard(found: readonly NamedRun[], now: Date): Promise<string> {
  const runs: BoardData['runs'][number][] = [];
  const points = 2 * Math.max(250, Math.min(mostPoints / 2, Math.floor(allPoints / found.length / 2)));
  for (const each of found) {
    const run = new WatchedRun(each);
    await run.read();
    runs.push(run.data(points, embeddedPictures(run)));
  }
  return boardFile({ runs, written: now.toISOString(), version });
}

function embeddedPictures(run: WatchedRun): Record<string, string> {
  const embedded: Record<string, string> = {};
  let left = mostPictureBytes;
  for (const path of run.picturePaths().reverse()) {
    const picture = readPicture(run.found.dir, path);
    if (picture === null || picture.bytes.length > left) continue;
    left -= picture.bytes.length;
    embedded[path] = `data:${picture.type};base64,${picture.bytes.toString('base64')}`;
  }
  return embedded;
}
