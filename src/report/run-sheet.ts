/** One run in full, for people and for programs. */

import { ageWords, bytesWords, count, duration } from '../amounts.js';
import { differences } from '../config/differences.js';
import { configOf } from '../config/load.js';
import { shellWord } from '../shell-word.js';
import { parameterCount } from '../tensor/model-spec.js';
import type { CheckpointState } from '../training/checkpoints/checkpoint-state.js';
import { builtInFamily } from '../training/loop/built-in-families.js';
import { fixedKeys } from '../training/run/resumption.js';
import type { RunDetails } from '../training/run/run-details.js';
import { captionLines } from './caption-lines.js';
import { settingWords } from './config-comparison.js';
import { runRecord, stepWords } from './run-list.js';
import { splitWords } from './split-words.js';
import { type Labelled, labelled } from './text.js';
import { tableLines } from './text-table.js';
import { engineLines, more } from './trainer-lines.js';

/** @param now milliseconds since 1970 */
export function sheetLines(details: RunDetails, now: number): (string | Labelled)[] {
  const { summary, state, configFault } = details;
  const { dir, runId, notes, writtenAt, bytes } = summary;
  const steps = `${summary.state}, step ${stepWords(summary)}`;
  return [
    labelled('run', `${dir}${runId === null ? '' : `, ${runId}`}`),
    labelled('state', `${steps}, last written ${ageWords(now - writtenAt)} ago; ${bytesWords(bytes)}`),
    ...notes.map(more),
    ...configLines(details),
    ...(configFault === null ? [] : [labelled('config', configFault)]),
    ...(state === null ? [] : stateLines(state)),
    ...checkpointLines(details),
    ...validationLines(details),
    ...sampleLines(details),
    ...titled('next', tableLines(commandsFor(details).map(({ purpose, command }) => [purpose, command]))),
  ];
}

/** A section, or nothing where it has no lines. */
function titled(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

interface Setting {
  readonly key: string;
  readonly value: unknown;
}

/** Keys whose values are not the defaults. */
function settingsOf({ config }: RunDetails): Setting[] {
  if (config === null) return [];
  return differences(configOf({}), config)
    .filter(({ after }) => after !== undefined)
    .map(({ key, after }) => ({ key, value: after }));
}

function configLines(details: RunDetails): Labelled[] {
  const rows = settingsOf(details).map(({ key, value }) => [key, settingWords(value)]);
  return tableLines(rows).map((line, i) => labelled(i === 0 ? 'config' : '', line));
}

function stateLines(state: CheckpointState): Labelled[] {
  const { engine, captions, vocabulary, recapVersion, elapsedSeconds } = state;
  const { inputs, steps } = state.model.dimensions;
  const counts =
    captions && `${count(captions.training)} training and ${count(captions.validation)} validation captions`;
  const columns = Object.entries(inputs).map(([name, width]) => `${name === 'features' ? 'D' : name} = ${width}`);
  const sizes = [`V = ${count(vocabulary.length)}`, `T = ${steps}`, ...columns];
  return [
    labelled('data', [...(counts === null ? [] : [counts]), ...sizes].join(', ')),
    labelled('model', modelWords(state)),
    ...engineLines(engine),
    labelled('trained', `${duration(1000 * elapsedSeconds)}, by recap ${recapVersion}`),
  ];
}

function modelWords({ model }: CheckpointState): string {
  try {
    const spec = builtInFamily(model.family, 'the run').spec(model.options, model.dimensions);
    return `${spec.title}: ${count(parameterCount(spec))} parameters`;
  } catch {
    return `of the family ${model.family}, which is a program's own`;
  }
}

function checkpointLines({ checkpoints }: RunDetails): string[] {
  const rows = checkpoints.map(({ name, step, bytes }) => [
    name,
    step === null ? 'cannot be read' : `step ${count(step)}`,
    bytesWords(bytes),
  ]);
  return titled('checkpoints', tableLines(rows, [1, 2]));
}

function validationLines({ validations, summary }: RunDetails): string[] {
  if (validations.length === 0) return [];
  const scores = [...new Set(validations.flatMap(({ scores }) => Object.keys(scores)))];
  const digits = (value: number | null | undefined, most: number) => (value == null ? '–' : value.toFixed(most));
  const rows = validations.map(({ epoch, step, loss, perplexity, scores: own }) => [
    String(epoch),
    count(step),
    digits(loss, 4),
    digits(perplexity, 2),
    ...scores.map((name) => digits(own[name], 4)),
    step === summary.best?.step ? 'best' : '',
  ]);
  const head = ['epoch', 'step', 'loss', 'perplexity', ...scores, ''];
  return titled('validations', tableLines([head, ...rows], [...head.keys()].slice(0, -1)));
}

function sampleLines({ samples }: RunDetails): (string | Labelled)[] {
  if (samples === null || samples.captions.length === 0) return [];
  const lines = captionLines(samples.captions.map((sample) => ({ ...sample, image: Number(sample.image) })));
  return ['', `captions after step ${count(samples.step)}`, ...lines];
}

export interface NextCommand {
  readonly purpose: 'go on' | 'train longer' | 'again' | 'caption' | 'evaluate';
  /** As a shell reads it. */
  readonly command: string;
}

/** What can be done with a run as it stands. */
export function commandsFor({ summary, config }: RunDetails): NextCommand[] {
  const { dir, state, checkpointStep } = summary;
  const run = shellWord(dir);
  const commands: NextCommand[] = [];
  // A run whose program brought the data along is gone on with by that program.
  const namesData = config !== null && (config.data.dir !== null || config.data.builtin !== null);
  if (namesData && (state === 'stopped' || state === 'dead')) {
    commands.push({ purpose: 'go on', command: `npx recap train --resume ${run}` });
  }
  const isAtLastStep = summary.lastStep !== null && summary.step >= summary.lastStep;
  if (namesData && state === 'finished' && isAtLastStep && !fixedKeys(config).has('train.epochs')) {
    const epochs = config.train.epochs + 1;
    commands.push({ purpose: 'train longer', command: `npx recap train --resume ${run} --set train.epochs=${epochs}` });
  }
  if (namesData) {
    const again = `npx recap train --config ${shellWord(`${dir}/config.yaml`)} --run ${shellWord(`${dir}-again`)}`;
    commands.push({ purpose: 'again', command: again });
  }
  if (checkpointStep !== null) {
    const split = splitWords(config?.data ?? null);
    commands.push({ purpose: 'caption', command: `npx recap caption --checkpoint ${run}${split}` });
    commands.push({ purpose: 'evaluate', command: `npx recap evaluate --run ${run}${split}` });
  }
  return commands;
}

/** For programs: an object that becomes one line of JSON. */
export function sheetRecord(details: RunDetails): Readonly<Record<string, unknown>> {
  const { summary, config, configFault, state, checkpoints, validations, samples } = details;
  return {
    ...runRecord(summary),
    config,
    configFault,
    settings: Object.fromEntries(settingsOf(details).map(({ key, value }) => [key, value])),
    captions: state?.captions ?? null,
    model: state?.model ?? null,
    engine: state?.engine ?? null,
    recapVersion: state?.recapVersion ?? null,
    elapsedSeconds: state?.elapsedSeconds ?? null,
    checkpoints,
    validations,
    samples,
    commands: Object.fromEntries(commandsFor(details).map(({ purpose, command }) => [purpose, command])),
  };
}
