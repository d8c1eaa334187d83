/** Notices a loss or gradient that is not finite before it reaches the parameters, and finds where it came from. */
import { batchOfRow } from '../../data/batches.js';
import { TrainingError } from '../../errors.js';
import type { Coordinator, GradientSums } from '../parallel/coordinator.js';
import { roundingOf } from '../parallel/non-finite-parameters.js';
import type { MicroStep } from './caption-source.js';

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
 */
export async function nonFiniteOf(
  coordinator: Coordinator,
  captions: MicroStep,
  sums: GradientSums,
): Promise<string | null> {
  const { memory } = coordinator;
  const round = roundingOf(memory);
  const bound = round(sums.largestGradient * memory.shards);
  if (Number.isFinite(sums.loss) && Number.isFinite(round(bound * bound))) return null;

  const places = await coordinator.nonFiniteParameters();
  const what = Number.isFinite(sums.loss) ? 'the gradient is not finite' : `the loss is ${sums.loss}`;
  const where = places.length > 0 ? ` (${places.join(', ')})` : '';
  const { title, numbers } = captions;
  const culprits = await nonFiniteRows(coordinator, captions);
  const whose = culprits.length > 0 ? `, in ${title} ${culprits.join(', ')}` : `, among ${title} ${some(numbers)}`;
  return what + where + whose;
}

async function nonFiniteRows(coordinator: Coordinator, { batch, numbers }: MicroStep): Promise<number[]> {
  const found: number[] = [];
  for (const [row, number] of numbers.entries()) {
    if (!Number.isFinite(await coordinator.loss(batchOfRow(batch, row)))) found.push(number);
    if (found.length === mostRows) break;
  }
  return found;
}

function some(rows: Int32Array): string {
  return rows.length > mostRows ? `${rows.slice(0, mostRows).join(', ')}, … (${rows.length})` : rows.join(', ');
}
