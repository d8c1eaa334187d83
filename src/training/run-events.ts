/** What a run tells whoever watches it. Everything is for people; the numbers for programs are in metrics.jsonl. */

import type { Trainer } from './trainer.js';
import type { TrainingStep } from './training-steps.js';
import type { SampleCaption, ValidationLoss } from './validation.js';

export interface RunEvents {
  /** Before the first step. */
  started(trainer: Trainer, run: { readonly dir: string; readonly doneSteps: number }): void;
  step(step: TrainingStep): void;
  validated(epoch: number, validation: ValidationLoss, isBest: boolean): void;
  captions(samples: readonly SampleCaption[]): void;
  checkpointed(path: string, step: number): void;
  warning(message: string): void;
  note(message: string): void;
}

/** Asked between steps whether the user wants to stop. */
export interface Interruption {
  /** The signal that came, or null. */
  readonly signal: NodeJS.Signals | null;
}
