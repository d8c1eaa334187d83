/** Whoever tells of a run from its first moment to its end: a screen for people, JSON for programs. */
import type { RunEvents } from '../training/run/run-events.js';
import type { TrainOutcome } from '../training/run/train-outcome.js';

export interface TrainReport extends RunEvents {
  /** Whether there is something of a run to be finished by now. */
  readonly hasStarted: boolean;
  ended(outcome: TrainOutcome): void;
  failed(error: unknown): void;
  /** A signal came before there was anything to finish; the process ends. */
  stoppedBeforeStart(message: string): void;
}
