/** A run as a person watches it: what it is, how far it has come, what it writes. */

import { count } from '../amounts.js';
import type { Trainer } from '../training/loop/trainer.js';
import type { TrainingStep } from '../training/loop/training-steps.js';
import type { SampleCaption, Validation } from '../training/loop/validation.js';
import type { HealthNotice } from '../training/run/health-rules.js';
import type { TrainOutcome } from '../training/run/train-outcome.js';
import { captionLines } from './caption-lines.js';
import { outcomeLines } from './run-outcome.js';
import { RunningFigures } from './running-figures.js';
import type { Screen } from './screen.js';
import { labelled, sentence, styled } from './text.js';
import type { TrainReport } from './train-report.js';
import { trainerLines } from './trainer-lines.js';
import { TrainingView } from './training-view.js';

/** A run that goes on, as far as it is told of. */
interface Watched {
  readonly trainer: Trainer;
  readonly figures: RunningFigures;
  readonly view: TrainingView;
}

export class RunReport implements TrainReport {
  private watched: Watched | null = null;

  /** @param title what is being watched, where that is one of several runs */
  constructor(
    private readonly screen: Screen,
    private readonly title?: string,
  ) {}

  get hasStarted(): boolean {
    return this.watched !== null;
  }

  preparing(what: string, done?: number, of?: number): void {
    this.screen.wait({ what, done, of });
  }

  started(trainer: Trainer, run: { dir: string; doneSteps: number }): void {
    const { dir, doneSteps } = run;
    this.screen.endLive();
    for (const line of trainerLines(trainer)) this.screen.print(line);
    this.screen.print(labelled('run', `${dir}${doneSteps > 0 ? `, going on after step ${count(doneSteps)}` : ''}`));
    this.screen.print('');
    this.watch(trainer, run);
  }

  /** The live view alone. */
  watch(trainer: Trainer, { doneSteps }: { doneSteps: number }): void {
    const { config, stepsPerEpoch, workers, lastStep } = trainer;
    const figures = new RunningFigures(doneSteps, lastStep);
    const run = { title: this.title, epochs: config.train.epochs, stepsPerEpoch, workers };
    this.watched = { trainer, figures, view: new TrainingView(run, figures) };
    this.screen.show(this.watched.view);
  }

  step(step: TrainingStep): void {
    const { figures, view } = this.watched!;
    figures.add(step);
    if (step.skipped !== null) this.warning(`step ${step.step} left out: ${step.skipped}`);
    this.screen.show(view);
  }

  epochEnded({ epoch, learningRate }: TrainingStep, meanLoss: number | null, meanReward: number | null): void {
    const { trainer, figures } = this.watched!;
    const mean = meanReward === null ? `mean loss ${shown(meanLoss)}` : `mean reward ${shown(meanReward)}`;
    this.screen.print({
      label: `epoch ${epoch}/${trainer.config.train.epochs}  `,
      text: `${mean}  learning rate ${learningRate.toPrecision(3)}  ${count(Math.round(figures.captionsPerSecond))} captions/s`,
    });
  }

  validating(what: string, done: number, of: number): void {
    const { view } = this.watched!;
    view.validating({ what, done, of });
    this.screen.show(view);
  }

  validationDone(): void {
    this.watched!.view.validating(null);
  }

  validated(epoch: number, { loss, perplexity, scores }: Validation, isBest: boolean): void {
    this.validationDone();
    const measured = [`loss ${loss.toFixed(4)}`, `perplexity ${perplexity.toFixed(2)}`];
    for (const [name, score] of Object.entries(scores ?? {})) measured.push(`${name} ${score.toFixed(4)}`);
    this.screen.print({
      label: `  validation after epoch ${epoch}: `,
      text: [measured.join(', '), ...(isBest ? [styled('best', ' (best so far)')] : [])],
    });
  }

  captions(samples: readonly SampleCaption[]): void {
    for (const line of captionLines(samples)) this.screen.print(line);
  }

  checkpointed(): void {}

  health({ message }: HealthNotice): void {
    this.screen.warn({ label: 'notice: ', text: message });
  }

  recorded(): void {}

  warning(message: string): void {
    this.screen.warning(message);
  }

  note(message: string): void {
    this.screen.print(message);
  }

  ended(outcome: TrainOutcome): void {
    this.screen.endLive();
    const { warnings, lines } = outcomeLines(outcome, this.watched?.trainer.config.data);
    for (const warning of warnings) this.screen.warn(warning);
    // What is indented is a command, which is copied whole.
    for (const line of lines) this.screen.result(line.startsWith(' ') ? line : sentence(line));
  }

  /** The words of an error are printed by whoever ends the process for it. */
  failed(): void {}
  stoppedBeforeStart(): void {}
}

function shown(mean: number | null): string {
  return mean === null ? 'not known' : mean.toFixed(4);
}
