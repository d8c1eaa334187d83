/** How many of the words that captions read are the model's own, a pure function of the step. */
import type { Config } from '../../config/schema.js';

/** Rises (or falls) in a straight line from one probability to another over the first epochs, and then stays. */
export function sampledWordsOf(
  { from, to, epochs }: Config['train']['scheduledSampling'],
  stepsPerEpoch: number,
): (step: number) => number {
  return (step) => from + (to - from) * Math.min(1, (step - 1) / (epochs * stepsPerEpoch));
}
