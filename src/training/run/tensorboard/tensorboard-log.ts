/** What TensorBoard is told of a run: the records of metrics.jsonl as events, and distributions of its parameters. */
import { join } from 'node:path';
import { configToYaml } from '../../../config/load.js';
import type { Config } from '../../../config/schema.js';
import type { AppendingFileOptions } from '../../../files/appending-file.js';
import { readRegularFile } from '../../../files/regular-file.js';
import { oneLine } from '../../../one-line.js';
import type { RunRecord, SampleRecord, StepRecord, ValidationRecord } from '../records.js';
import { EventFile } from './event-file.js';
import {
  type HyperParameter,
  histogramValue,
  hparamsEnd,
  hparamsStart,
  image,
  type SummaryValue,
  scalar,
  startEvent,
  summaryEvent,
  text,
} from './events.js';
import { asMarkdown, configMarkdown, samplesMarkdown } from './markdown.js';
import type { NamedHistogram } from './parameter-histograms.js';

/** From where a process goes on with a run. */
export interface Continuation {
  /** Steps done. */
  readonly step: number;
  /** Whether a stop has kept the validation of the last of them from happening. */
  readonly owesValidation: boolean;
  /** What the log says of the last of them; null where it says nothing. */
  readonly lastStep: StepRecord | null;
}

export class TensorBoardLog {
  private readonly file: EventFile;
  /** Images whose picture this process has shown. */
  private readonly shown = new Set<string>();

  constructor(
    private readonly run: string,
    config: Config,
    { step, owesValidation, lastStep }: Continuation,
    options: Pick<AppendingFileOptions, 'warn' | 'mayWrite'>,
  ) {
    // Of a step all events are dropped or none, so where its validation may have been told already the step comes anew.
    // Of a run that begins again at step 0 nothing stays.
    const again = owesValidation || step === 0;
    this.file = new EventFile(run, startEvent(again ? step : step + 1), options);
    this.summary(step, [text('config', configMarkdown(configToYaml(config))), hparamsStart(hyperParameters(config))]);
    if (again && lastStep !== null) this.append(lastStep);
  }

  append(record: RunRecord): void {
    this.summary(record.step, this.valuesOf(record));
  }

  histograms(step: number, histograms: readonly NamedHistogram[]): void {
    this.summary(
      step,
      histograms.map(({ name, histogram }) => histogramValue(name, histogram)),
    );
  }

  /** The run has come to its end. */
  complete(step: number): void {
    this.summary(step, [hparamsEnd()]);
  }

  write(): void {
    this.file.write();
  }

  close(): void {
    this.file.close();
  }

  private valuesOf(record: RunRecord): SummaryValue[] {
    switch (record.type) {
      case 'step':
        return stepScalars(record);
      case 'validation':
        return validationScalars(record);
      case 'samples': {
        const { samples } = record;
        return [text('samples', samplesMarkdown(samples)), ...samples.flatMap((sample) => this.picture(sample))];
      }
      case 'health':
        return [text('notices', asMarkdown(record.message))];
      case 'nonFinite':
      case 'fault':
        return [text('notices', asMarkdown(record.fault))];
    }
  }

  private summary(step: number, values: readonly SummaryValue[]): void {
    if (values.length > 0) this.file.append(summaryEvent(step, values));
  }

  /** A picture does not change, so it is shown once. */
  private picture({ thumbnail, image: row, truth }: SampleRecord): SummaryValue[] {
    if (thumbnail === undefined || this.shown.has(thumbnail)) return [];
    try {
      const jpeg = readRegularFile(join(this.run, thumbnail));
      this.shown.add(thumbnail);
      // Above a picture TensorBoard shows nothing but its tag.
      return [image(`images/${row} ${oneLine(truth)}`, jpeg)];
    } catch {
      // It may have been removed, or the disk fails.
      return [];
    }
  }
}

function stepScalars(record: StepRecord): SummaryValue[] {
  const { loss, rewards, learningRate, gradientNorm, parameterNorm, captionsPerSecond, seconds, memoryBytes } = record;
  return scalars({
    'loss/train': loss,
    'rewards/samples': rewards?.samples,
    'rewards/baseline': rewards?.baseline,
    'optimizer/learning_rate': learningRate,
    'optimizer/gradient_norm': gradientNorm,
    'optimizer/parameter_norm': parameterNorm,
    'speed/captions_per_second': captionsPerSecond,
    // A record of a version that did not measure them may come anew.
    'seconds/compute': seconds?.compute,
    'seconds/wait': seconds?.wait,
    'seconds/update': seconds?.update,
    'seconds/rest': seconds?.rest,
    'memory/resident_MiB': memoryBytes === undefined ? undefined : memoryBytes / 2 ** 20,
  });
}

function validationScalars({ loss, perplexity, scores }: ValidationRecord): SummaryValue[] {
  const scored = Object.entries(scores ?? {}).map(([name, score]) => [`scores/${name}`, score]);
  return scalars({ 'loss/validation': loss, 'perplexity/validation': perplexity, ...Object.fromEntries(scored) });
}

/** What was not measured is left out. */
function scalars(values: Readonly<Record<string, number | null | undefined>>): SummaryValue[] {
  const known = Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  return known.map(([tag, value]) => scalar(tag, value));
}

/** By their keys; what is null is left out. */
function hyperParameters({ data, model, train, engine }: Config): Record<string, HyperParameter> {
  const found: Record<string, HyperParameter> = {};
  const walk = (tree: object, prefix: string): void => {
    for (const [key, value] of Object.entries(tree)) {
      if (typeof value === 'object' && value !== null) walk(value, `${prefix}${key}.`);
      else if (value !== null) found[prefix + key] = value;
    }
  };
  walk({ data, model, train, engine }, '');
  return found;
}
