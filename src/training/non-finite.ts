/** Notices a loss or gradient that is not finite before it reaches the parameters, and finds where it came from. */
import { flatView } from '../engine/shared-memory.js';
import { TrainingError } from '../errors.js';
import { parameterNames, parameterViews } from '../model/parameters.js';
import type { Coordinator, GradientSums } from './coordinator.js';

/** A step whose loss or gradient is not finite; nothing was updated. */
export class NonFiniteError extends TrainingError {
  constructor(
    readonly step: number,
    readonly fault: string,
  ) {
    super(
      `Step ${step}: ${fault}. Nothing was updated; the checkpoint of the step before is good. Look at these captions' ` +
        'features and start anew with a lower learning rate, or go on without such steps: --set train.onNonFinite=skip.',
    );
  }
}

/** Captions that are named at most. */
const mostRows = 10;

/**
 * What is not finite in the sums of a minibatch, or null. A gradient so large that its square, which Adam averages,
 * would overflow counts as well.
 *
 * @param rows the minibatch's training captions
 */
export async function nonFiniteOf(
  coordinator: Coordinator,
  rows: Int32Array,
  sums: GradientSums,
): Promise<string | null> {
  const { memory } = coordinator;
  const round = memory.precision === 'float32' ? Math.fround : (value: number) => value;
  const bound = round(sums.largestGradient * memory.shards);
  if (Number.isFinite(sums.loss) && Number.isFinite(round(bound * bound))) return null;

  const places = nonFiniteParameters(coordinator);
  const what = Number.isFinite(sums.loss) ? 'the gradient is not finite' : `the loss is ${sums.loss}`;
  const where = places.length > 0 ? ` (${places.join(', ')})` : '';
  const culprits = await nonFiniteRows(coordinator, rows);
  const whose = culprits.length > 0 ? `, in training captions ${culprits.join(', ')}` : `, in captions ${some(rows)}`;
  return what + where + whose;
}

function nonFiniteParameters({ memory }: Coordinator): string[] {
  const slots = memory.slots.map((offset) => parameterViews(flatView(memory, offset), memory.parameterLayout));
  return parameterNames.filter((name) => slots.some((views) => !views[name].every(isSquareFinite)));
}

function isSquareFinite(value: number): boolean {
  return Number.isFinite(Math.fround(value * value));
}

async function nonFiniteRows(coordinator: Coordinator, rows: Int32Array): Promise<number[]> {
  const found: number[] = [];
  for (const row of rows) {
    if (!Number.isFinite(await coordinator.loss('train', Int32Array.of(row)))) found.push(row);
    if (found.length === mostRows) break;
  }
  return found;
}

function some(rows: Int32Array): string {
  return rows.length > mostRows ? `${rows.slice(0, mostRows).join(', ')}, … (${rows.length})` : rows.join(', ');
}
