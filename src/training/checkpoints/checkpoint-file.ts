/** Puts a checkpoint on the disk; runs on the writer's own thread. The format is described in docs/formats.md. */
import { createHash } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { bytesOf } from '../../engine/shared-memory.js';
import { AtomicFile, syncFile } from '../../files/atomic-file.js';
import { encodeHeader, type TensorEntry } from '../../files/safetensors.js';
import { type Layout, type TensorPlace, trainedPlaces } from '../../tensor/layout.js';
import type { Precision } from '../../tensor/matrix.js';
import { digestPlace, metadataKeys, zeroDigest } from './checkpoint-format.js';

export interface CheckpointJob {
  readonly path: string;
  /** JSON of the CheckpointState. */
  readonly state: string;
  readonly layout: Layout;
  readonly precision: Precision;
  /** What stands before the parameters' names in those of the arrays beside them, in the snapshot's order. */
  readonly prefixes: readonly string[];
  /** The parameters, and of the trained ones the optimiser's arrays and the average, one behind the other. */
  readonly snapshot: SharedArrayBuffer;
  /** Files whose bytes must be on the disk before the checkpoint has its name. */
  readonly syncFirst: readonly string[];
  /** The lock file of the run's holder: where it is not, the folder is away or another's, and nothing is written. */
  readonly guardFile: string;
  /** Older checkpoints that this one makes superfluous. */
  readonly remove: readonly string[];
}

export type JobResult =
  | { readonly written: true; readonly bytes: number; readonly milliseconds: number }
  | { readonly written: false; readonly reason: string };

/** Bytes hashed and written at a time, so that they are still in the processor's cache when they are written. */
const chunkBytes = 1 << 20;

export function writeCheckpointFile(job: CheckpointJob): JobResult {
  const start = performance.now();
  let file: AtomicFile | undefined;
  let bytes: number;
  try {
    statSync(job.guardFile);
    file = new AtomicFile(job.path);
    bytes = writeContent(file, job);
    file.commit(() => {
      job.syncFirst.forEach(syncFile);
      statSync(job.guardFile);
    });
  } catch (error) {
    file?.abandon();
    return { written: false, reason: (error as Error).message };
  }
  for (const path of job.remove) {
    try {
      rmSync(path, { force: true });
    } catch {
      // One checkpoint too many does no harm; it is listed again when the run is resumed.
    }
  }
  return { written: true, bytes, milliseconds: performance.now() - start };
}

function writeContent(file: AtomicFile, job: CheckpointJob): number {
  const size = bytesOf(job.precision);
  const dtype = job.precision === 'float64' ? 'F64' : 'F32';
  const entries: TensorEntry[] = [];
  const parts: Uint8Array[] = [];
  const { layout } = job;
  const add = (places: readonly TensorPlace[], prefix: string, first: number): void => {
    for (const { name, shape, size: elements, offset } of places) {
      const bytes = elements * size;
      entries.push({ name: prefix + name, dtype, shape, bytes });
      parts.push(new Uint8Array(job.snapshot, (first + offset) * size, bytes));
    }
  };
  add(layout.places, '', 0);
  job.prefixes.forEach((prefix, i) => {
    add(trainedPlaces(layout), prefix, layout.length + i * layout.trainedLength);
  });
  const header = encodeHeader({ [metadataKeys.digest]: zeroDigest, [metadataKeys.state]: job.state }, entries);
  const hash = createHash('sha256').update(header);
  file.append(header);
  let total = header.length;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += chunkBytes) {
      const chunk = part.subarray(at, at + chunkBytes);
      hash.update(chunk);
      file.append(chunk);
    }
    total += part.length;
  }
  file.writeAt(digestPlace, new TextEncoder().encode(hash.digest('hex')));
  return total;
}
