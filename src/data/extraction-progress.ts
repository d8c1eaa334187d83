/** How far an extraction has come, so that another process goes on where one was killed. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSameExtractor } from '../features/description.js';
import type { Extractor } from '../features/extractor.js';
import { writeFileAtomically } from '../files/atomic-file.js';
import { nameOf, type Part } from './extraction-parts.js';
import type { FeatureRows } from './feature-rows.js';

export interface RowShapes {
  /** D */
  readonly columns: number;
  readonly grid: { readonly positions: number; readonly columns: number } | null;
}

/** Milliseconds between two moments from which a killed process goes on. */
const recordInterval = 2000;

/** What is done of each part, on the disk. */
export class ProgressRecord {
  private readonly path: string;
  private readonly done: Record<string, number> = {};
  private readonly identity: unknown;
  private saved = performance.now();
  readonly shapes: RowShapes | null = null;

  constructor(partial: string, parts: readonly Part[], extractor: Extractor) {
    this.path = join(partial, 'progress.json');
    const lists = parts.filter(({ views }) => views === 0).map(({ list }) => list);
    const hash = createHash('sha256').update(JSON.stringify(lists.map(({ split, lines }) => [split, lines])));
    const identity = { extractor: extractor.description, images: hash.digest('hex') };
    this.identity = identity;
    if (!existsSync(this.path)) return;
    const earlier = JSON.parse(readFileSync(this.path, 'utf8')) as {
      identity: typeof identity;
      shapes: RowShapes;
      done: Record<string, number>;
    };
    if (earlier.identity.images !== identity.images) return;
    if (!isSameExtractor(earlier.identity.extractor, extractor.description)) return;
    this.done = earlier.done;
    this.shapes = earlier.shapes;
  }

  /** Rows of the part, of which an earlier process may have wanted more. */
  of(part: Part): number {
    return Math.min(this.done[nameOf(part)] ?? 0, part.count);
  }

  save(
    part: Part,
    { features, grid }: { features: FeatureRows; grid: FeatureRows | null },
    shapes: RowShapes,
    isDue: boolean,
  ): void {
    if (!isDue && performance.now() - this.saved < recordInterval) return;
    features.flush();
    grid?.flush();
    this.done[nameOf(part)] = features.rows;
    writeFileAtomically(this.path, JSON.stringify({ identity: this.identity, shapes, done: this.done }));
    this.saved = performance.now();
  }
}
