/**
 * What suppliers of matrix products answered when they were measured, remembered in the cache folder, one answer a job.
 *
 * Which file a library is loaded from is never taken from here: the cache is asked about files that were found on this
 * machine, and knows each by its place, size and time.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../../files/atomic-file.js';
import { cacheFolder } from '../../../files/cache-folder.js';
import { makeFolder } from '../../../files/make-folder.js';
import { readRegularFile } from '../../../files/regular-file.js';
import { realFile } from './blas/installed.js';
import type { MeasurementJob } from './measure.js';

export interface Job extends MeasurementJob {
  /** The core type that OpenBLAS shall take, '' for its own choice. */
  readonly coreType: string;
}

const answer = z.union([
  z.object({
    measurement: z.object({
      version: z.string(),
      kernels: z.string(),
      milliseconds: z.number().positive(),
      gflops: z.number().positive(),
    }),
  }),
  z.object({ reason: z.string() }),
]);

/** A measurement, or why there is none; a reason that may be gone another time is `passing`. */
export type Answer = z.infer<typeof answer> & { readonly passing?: true };

const content = z.object({ machine: z.string(), answers: z.record(z.string(), answer) });

export class MeasurementCache {
  private readonly file: string;
  private readonly answers: Map<string, Answer>;
  private isChanged = false;

  /**
   * @param machine all of processor, Node and environment that answers depend on
   * @param anew whether to begin without what is remembered
   */
  constructor(
    private readonly machine: string,
    anew: boolean,
  ) {
    const name = createHash('sha256').update(machine).digest('hex').slice(0, 16);
    this.file = join(cacheFolder(), `products-${name}.json`);
    this.answers = new Map(anew ? [] : this.read());
  }

  find(job: Job): Answer | undefined {
    return this.answers.get(keyOf(job));
  }

  /** Remembers the answer, unless another one may come another time. */
  keep(job: Job, found: Answer): Answer {
    if (found.passing) return found;
    this.answers.set(keyOf(job), found);
    this.isChanged = true;
    return found;
  }

  /** A cache that cannot be written means measuring again next time, nothing more. */
  write(): void {
    if (!this.isChanged) return;
    try {
      makeFolder(cacheFolder());
      const { machine } = this;
      const text = JSON.stringify({ machine, answers: Object.fromEntries(this.answers) }, null, 1);
      writeFileAtomically(this.file, `${text}\n`);
    } catch {
      // Read-only home folders are common in containers.
    }
  }

  private read(): [string, Answer][] {
    try {
      const read = content.parse(JSON.parse(readRegularFile(this.file).toString('utf8')));
      return read.machine === this.machine ? Object.entries(read.answers) : [];
    } catch {
      return [];
    }
  }
}

function keyOf({ library, path, precision, coreType, blockedWeights }: Job): string {
  const file = realFile(path);
  const stat = path === '' ? undefined : statSync(file, { throwIfNoEntry: false });
  return JSON.stringify([
    library,
    path,
    file,
    stat?.size ?? 0,
    stat?.mtimeMs ?? 0,
    precision,
    coreType,
    blockedWeights,
  ]);
}
