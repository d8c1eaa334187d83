/** TensorBoard's events as bytes. */
import {
  doubleField,
  doublesField,
  floatField,
  lengthField,
  messageField,
  textField,
  varintField,
} from '../../../files/protobuf.js';
import type { Named } from '../../../tensor/matrix.js';
import {
  dimensionProto,
  eventProto,
  histogramProto,
  hparamProto,
  hparamsProto,
  hparamValueProto,
  imageProto,
  metadataProto,
  pluginDataProto,
  sessionEndProto,
  sessionLogProto,
  sessionStart,
  sessionStartProto,
  shapeProto,
  stringType,
  success,
  summaryProto,
  tensorProto,
  valueProto,
} from './event-fields.js';
import type { Histogram } from './histogram.js';

/** One value of a summary. */
export type SummaryValue = Uint8Array;

export type HyperParameter = number | string | boolean;

/** The first event of every file. */
export function versionEvent(): Uint8Array {
  return Buffer.concat([time(), textField(eventProto.fileVersion, 'brain.Event:2')]);
}

/** From here on the events of `step` come anew: whoever reads the files drops what earlier ones tell of it and later. */
export function startEvent(step: number): Uint8Array {
  const start = lengthField(eventProto.sessionLog, varintField(sessionLogProto.status, sessionStart));
  return Buffer.concat([time(), varintField(eventProto.step, step), start]);
}

export function summaryEvent(step: number, values: readonly SummaryValue[]): Uint8Array {
  const summary = values.map((value) => lengthField(summaryProto.value, value));
  return Buffer.concat([time(), varintField(eventProto.step, step), messageField(eventProto.summary, ...summary)]);
}

export function scalar(tag: string, value: number): SummaryValue {
  return Buffer.concat([textField(valueProto.tag, tag), floatField(valueProto.simpleValue, value)]);
}

export function histogramValue(tag: string, histogram: Histogram): SummaryValue {
  const { min, max, count, sum, sumOfSquares, limits, counts } = histogram;
  const message = messageField(
    valueProto.histogram,
    doubleField(histogramProto.min, min),
    doubleField(histogramProto.max, max),
    doubleField(histogramProto.count, count),
    doubleField(histogramProto.sum, sum),
    doubleField(histogramProto.squares, sumOfSquares),
    doublesField(histogramProto.limits, limits),
    doublesField(histogramProto.counts, counts),
  );
  return Buffer.concat([textField(valueProto.tag, tag), message]);
}

/** @param markdown what TensorBoard shows as such */
export function text(tag: string, markdown: string): SummaryValue {
  const tensor = messageField(
    valueProto.tensor,
    varintField(tensorProto.dataType, stringType),
    messageField(tensorProto.shape, lengthField(shapeProto.dimension, varintField(dimensionProto.size, 1))),
    textField(tensorProto.texts, markdown),
  );
  return Buffer.concat([textField(valueProto.tag, tag), metadata('text'), tensor]);
}

export function image(tag: string, jpeg: Uint8Array): SummaryValue {
  // Width and height, which the message has fields for, TensorBoard takes from the picture.
  const message = messageField(valueProto.image, lengthField(imageProto.encoded, jpeg));
  return Buffer.concat([textField(valueProto.tag, tag), metadata('images'), message]);
}

/** What the run is made with, for TensorBoard's table of runs. */
export function hparamsStart(hparams: Named<HyperParameter>): SummaryValue {
  const entries = Object.entries(hparams).map(([key, value]) =>
    messageField(
      sessionStartProto.hparams,
      textField(hparamProto.key, key),
      lengthField(hparamProto.value, hparamValue(value)),
    ),
  );
  const start = messageField(hparamsProto.sessionStart, ...entries, doubleField(sessionStartProto.startTime, now()));
  return Buffer.concat([textField(valueProto.tag, '_hparams_/session_start_info'), hparamsData(start)]);
}

/** That the run has come to its end. */
export function hparamsEnd(): SummaryValue {
  const end = messageField(
    hparamsProto.sessionEnd,
    varintField(sessionEndProto.status, success),
    doubleField(sessionEndProto.endTime, now()),
  );
  return Buffer.concat([textField(valueProto.tag, '_hparams_/session_end_info'), hparamsData(end)]);
}

function hparamValue(value: HyperParameter): Uint8Array {
  if (typeof value === 'number') return doubleField(hparamValueProto.number, value);
  if (typeof value === 'string') return textField(hparamValueProto.text, value);
  return varintField(hparamValueProto.flag, Number(value));
}

function hparamsData(data: Uint8Array): Uint8Array {
  return metadata('hparams', lengthField(pluginDataProto.content, data));
}

/** Whose the value is. */
function metadata(plugin: string, ...content: readonly Uint8Array[]): Uint8Array {
  const data = messageField(metadataProto.pluginData, textField(pluginDataProto.name, plugin), ...content);
  return lengthField(valueProto.metadata, data);
}

function time(): Uint8Array {
  return doubleField(eventProto.wallTime, now());
}

/** Seconds since 1970. */
function now(): number {
  return Date.now() / 1000;
}
