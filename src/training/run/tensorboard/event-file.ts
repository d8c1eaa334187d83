/** The event files of a run, one for each process that worked on it: `tensorboard/events.out.tfevents.TIME.HOST`. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { AppendingFile, type AppendingFileOptions } from '../../../files/appending-file.js';
import { tfRecord } from '../../../files/tf-record.js';
import { tensorboardFolder } from '../run-files.js';
import { versionEvent } from './events.js';

export class EventFile {
  private readonly file: AppendingFile;

  /**
   * @param run the run's folder, whose lock is held
   * @param first event, without which the others would be read wrongly: it is never given up
   */
  constructor(run: string, first: Uint8Array, options: Pick<AppendingFileOptions, 'warn' | 'mayWrite'>) {
    const folder = join(run, tensorboardFolder);
    const prepare = (): void => {
      if (!existsSync(folder)) mkdirSync(folder);
    };
    this.file = new AppendingFile(join(folder, nextName(folder)), { ...options, prepare, records: 'events' });
    this.file.append(Buffer.concat([tfRecord(versionEvent()), tfRecord(first)]));
  }

  append(event: Uint8Array): void {
    this.file.append(tfRecord(event));
  }

  /** Hands all events to the system. Never throws. */
  write(): void {
    this.file.write();
  }

  close(): void {
    this.file.close();
  }
}

/** TensorBoard reads files in the order of their names, so a later one has a later time, whatever the clock says. */
function nextName(folder: string): string {
  const seconds = Math.max(Math.floor(Date.now() / 1000), 1 + latestTime(folder));
  return `events.out.tfevents.${seconds}.${hostname().replaceAll(/[^\w.-]/g, '-')}`;
}

function latestTime(folder: string): number {
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    // None is there, or the disk fails, which is told when something is written.
  }
  const times = names.map((name) => Number(/^events\.out\.tfevents\.(\d{1,15})\./.exec(name)?.[1] ?? 0));
  return Math.max(0, ...times);
}
