/** What a run says at its end: how it ended, and the command that comes next. */

import { duration } from '../amounts.js';
import type { Config } from '../config/schema.js';
import { shellWord } from '../shell-word.js';
import type { BestValidation, TrainOutcome } from '../training/run/train-outcome.js';
import { splitWords } from './split-words.js';

/**
 * Only what is really on the disk is named.
 *
 * @param data of the run's config, where it is known
 * @returns lines for standard error and for standard output
 */
export function outcomeLines(
  outcome: TrainOutcome,
  data: Config['data'] | null = null,
): { readonly warnings: string[]; readonly lines: string[] } {
  const { dir, step, lastStep, stopped, stoppedEarly, saved, alreadyComplete, best, bestSaved, onDisk } = outcome;
  const again = `  npx recap train --resume ${shellWord(dir)}`;
  const warnings: string[] = [];
  if (!saved) {
    const older = onDisk.newest === null ? `no checkpoint is in ${dir}` : `what ${dir} holds is older`;
    warnings.push(`The newest checkpoint could not be written; ${older}.`);
  }
  if (best !== null && !bestSaved) {
    warnings.push(`The checkpoint of the best validation ${bestWords(best)} could not be written.`);
  }
  if (alreadyComplete && stoppedEarly) {
    return { warnings, lines: [`The run in ${dir} is complete: it stopped early, after step ${step} of ${lastStep}.`] };
  }
  if (alreadyComplete) {
    const complete = `The run in ${dir} is complete: all ${lastStep} steps are done. Train longer with`;
    return { warnings, lines: [complete, `${again} --set train.epochs=N`] };
  }
  if (stopped) return { warnings, lines: [`Stopped after step ${step} of ${lastStep}. Go on with`, again] };
  return { warnings, lines: doneLines(outcome, data) };
}

function doneLines(
  { dir, step, lastStep, stoppedEarly, saved, best, onDisk, elapsedSeconds }: TrainOutcome,
  data: Config['data'] | null,
): string[] {
  const time = duration(elapsedSeconds * 1000);
  const facts = [
    stoppedEarly
      ? `Stopped early, after step ${step} of ${lastStep} in ${time}: validations had not become better for a while`
      : `Done: ${lastStep} steps in ${time}`,
  ];
  if (best !== null) facts.push(`best validation ${bestWords(best)}`);
  if (!saved && onDisk.newest !== null) facts.push(`the newest checkpoint there is that of step ${onDisk.newest}`);
  const done = `${facts.join('; ')}.`;
  if (onDisk.newest === null) return [done];
  return [`${done} Caption images with`, `  npx recap caption --checkpoint ${shellWord(dir)}${splitWords(data)}`];
}

/** "loss 46.2000 after step 280" */
export function bestWords({ step, metric, value }: BestValidation): string {
  return `${metric} ${value.toFixed(4)}${step === null ? '' : ` after step ${step}`}`;
}
