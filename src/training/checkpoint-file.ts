/** Puts a checkpoint on the disk; runs on the writer's own thread. The format is described in docs/formats.md. */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { Precision } from '../engine/engine.js';
import { bytesOf } from '../engine/shared-memory.js';
import { AtomicFile, syncFile } from '../files/atomic-file.js';
import { encodeHeader, type TensorEntry } from '../files/safetensors.js';
import type { ParameterLayout } from '../model/parameters.js';
import { digestPlace, metadataKeys, momentPrefixes, zeroDigest } from './checkpoint-format.js';

export interface CheckpointJob {
  readonly path: string;
  /** JSON of the CheckpointState. */
  readonly state: string;
  readonly layout: ParameterLayout;
  readonly precision: Precision;
  /** Parameters, m and v: three flat arrays, one behind the other. */
  readonly snapshot: SharedArrayBuffer;
  /** Files whose bytes must be on the disk before the checkpoint has its name. */
  readonly syncFirst: readonly string[];
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
    file = new AtomicFile(job.path);
    bytes = writeContent(file, job);
    file.commit(() => job.syncFirst.forEach(syncFile));
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
  ['', momentPrefixes.m, momentPrefixes.v].forEach((prefix, flat) => {
    for (const place of job.layout.places) {
      const bytes = place.size * size;
      const begin = (flat * job.layout.length + place.offset) * size;
      entries.push({ name: prefix + place.name, dtype, shape: place.shape, bytes });
      parts.push(new Uint8Array(job.snapshot, begin, bytes));
    }
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
