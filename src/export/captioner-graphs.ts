/** A captioner's programs `start` and `step` as graphs of ONNX, and one that writes whole captions by them. */
import { dataType } from '../features/onnx-fields.js';
import type { CaptionEnds } from '../model/decoding/decoding.js';
import { layoutOf } from '../tensor/layout.js';
import type { Named } from '../tensor/matrix.js';
import type { Dimensions, ModelSpec } from '../tensor/model-spec.js';
import { GraphScope } from './graph-scope.js';
import type { OnnxGraph } from './onnx-encoding.js';
import { anyRows, OnnxOps, type OnnxTensor } from './onnx-ops.js';

export interface TrainedModel {
  readonly spec: Pick<ModelSpec, 'dimensions' | 'programs' | 'parameters'>;
  readonly parameters: Named<Float32Array>;
}

export interface CaptionRules extends CaptionEnds {
  /** Words that no caption holds. */
  readonly never: readonly number[];
  /** What stands behind a caption's end. */
  readonly padding: number;
}

/** The free dimension of all graphs: images, or captions under way. */
const n = 'n';

/** What `start` takes → what it gives, but for what is as it was given. */
export function startGraph({ spec, parameters }: TrainedModel): OnnxGraph {
  const graph = GraphScope.whole();
  const inputs = inputTensors(graph, spec.dimensions, spec.programs.start.inputs);
  const ops = new OnnxOps(graph, rowsOf(graph, Object.values(inputs)[0]!.name), null);
  const { tensors = {} } = spec.programs.start.run(ops, parameterTensors(graph, spec, parameters), inputs);
  const given = Object.values(inputs);
  for (const [name, { columns, name: tensor }] of Object.entries(tensors)) {
    if (given.some((input) => input.name === tensor)) continue;
    graph.output({ name, type: 'float32', shape: [n, columns] }, tensor);
  }
  return graph.build();
}

/** What `step` takes and `words` (n) → the next state, as `next_NAME`, `scores` and what else it gives. */
export function stepGraph(model: TrainedModel): OnnxGraph {
  const { spec, parameters } = model;
  const graph = GraphScope.whole();
  const words = graph.input({ name: 'words', type: 'int64', shape: [n] });
  const inputs = inputTensors(graph, spec.dimensions, spec.programs.step.inputs);
  const ops = new OnnxOps(graph, rowsOf(graph, words), words);
  const { tensors = {} } = spec.programs.step.run(ops, parameterTensors(graph, spec, parameters), inputs);
  for (const [name, { columns, name: tensor }] of Object.entries(tensors)) {
    const shown = Object.hasOwn(inputs, name) ? `next_${name}` : name;
    graph.output({ name: shown, type: 'float32', shape: [n, columns] }, tensor);
  }
  return graph.build();
}

/**
 * What `start` takes → `words` (n,t): captions by the likeliest word at each step, the first of equals. The loop ends when
 * all captions have, so t is the length of the longest.
 */
export function captionsGraph({ spec, parameters }: TrainedModel, rules: CaptionRules): OnnxGraph {
  const graph = GraphScope.whole();
  const inputs = inputTensors(graph, spec.dimensions, spec.programs.start.inputs);
  const ownParameters = parameterTensors(graph, spec, parameters);
  const rows = rowsOf(graph, Object.values(inputs)[0]!.name);
  const { tensors: first = {} } = spec.programs.start.run(new OnnxOps(graph, rows, null), ownParameters, inputs);
  const changing = namesThatChange(spec);
  const state = Object.entries(first).filter(([name]) => changing.has(name));

  const body = graph.body();
  body.input({ name: 'position', type: 'int64', shape: [] });
  body.input({ name: 'goes_on', type: 'bool', shape: [] });
  const before = state.map(([name, { columns, rows: count }]) => {
    const tensor = body.input({ name: `state_${name}`, type: 'float32', shape: [n, columns] });
    return [name, { name: tensor, rows: count, columns }] as const;
  });
  const last = body.input({ name: 'last_words', type: 'int64', shape: [n] });
  const open = body.input({ name: 'open', type: 'bool', shape: [n] });
  const reads = { ...first, ...Object.fromEntries(before) };
  const { tensors: next = {} } = spec.programs.step.run(new OnnxOps(body, rows, last), ownParameters, reads);
  const forbidden = Array.from({ length: spec.dimensions.vocabSize }, (_, word) =>
    rules.never.includes(word) ? Number.NEGATIVE_INFINITY : 0,
  );
  const scores = body.node('Add', [next.scores!.name, graph.constant('float32', [1, forbidden.length], forbidden)]);
  const best = body.node('ArgMax', [scores], { axis: 1, keepdims: 0 });
  const word = body.node('Where', [open, best, graph.constant('int64', [1], [rules.padding])]);
  const ends = body.node('Equal', [word, graph.constant('int64', [1], [rules.end])]);
  const stillOpen = body.node('And', [open, body.node('Not', [ends])]);
  const anyOpen = body.node('ReduceMax', [body.node('Cast', [stillOpen], { to: dataType.int64 })], { keepdims: 0 });
  body.output({ name: 'goes_on', type: 'bool', shape: [] }, body.node('Cast', [anyOpen], { to: dataType.bool }));
  for (const [name, { columns }] of state) {
    body.output({ name: `state_${name}`, type: 'float32', shape: [n, columns] }, next[name]!.name);
  }
  body.output({ name: 'last_words', type: 'int64', shape: [n] }, word);
  body.output({ name: 'open', type: 'bool', shape: [n] }, stillOpen);
  body.output({ name: 'written', type: 'int64', shape: [n] }, word);

  const carried = [
    ...state.map(([, { name }]) => name),
    graph.node('Expand', [graph.constant('int64', [1], [rules.start]), rows]),
    graph.node('Expand', [graph.constant('bool', [1], [1]), rows]),
  ];
  const steps = graph.constant('int64', [], [rules.longest]);
  const goesOn = graph.constant('bool', [], [1]);
  const written = graph.nodeOf('Loop', [steps, goesOn, ...carried], carried.length + 1, { body: body.build() }).at(-1)!;
  graph.output({ name: 'words', type: 'int64', shape: [n, 't'] }, graph.node('Transpose', [written], { perm: [1, 0] }));
  return graph.build();
}

/** What `step` gives anew; all else that `start` gave belongs to the image and stays. */
function namesThatChange(spec: TrainedModel['spec']): ReadonlySet<string> {
  const graph = GraphScope.whole();
  const tensorsOf = (columns: Named<number>) =>
    mapEntries(columns, (name, count) => ({ name, rows: anyRows, columns: count }));
  const parameters = Object.fromEntries(
    layoutOf(spec.parameters).places.map(({ name, rows, columns }) => [name, { name, rows, columns }]),
  );
  const { tensors = {} } = spec.programs.step.run(
    new OnnxOps(graph, 'rows', 'words'),
    parameters,
    tensorsOf(spec.programs.step.inputs),
  );
  return new Set(Object.keys(tensors));
}

/** The inputs of a program by their names, as they are given in files: vectors of a grid in a dimension of their own. */
function inputTensors(graph: GraphScope, { positions }: Dimensions, inputs: Named<number>): Named<OnnxTensor> {
  return mapEntries(inputs, (name, columns) => {
    const count = positions?.[name];
    const shape = count === undefined ? [n, columns] : [n, count, columns / count];
    const tensor = graph.input({ name, type: 'float32', shape });
    const flat = () => graph.node('Reshape', [tensor, graph.constant('int64', [2], [-1, columns])]);
    return { name: count === undefined ? tensor : flat(), rows: anyRows, columns };
  });
}

function parameterTensors(
  graph: GraphScope,
  spec: Pick<ModelSpec, 'parameters'>,
  values: Named<Float32Array>,
): Named<OnnxTensor> {
  const tensors = layoutOf(spec.parameters).places.map(({ name, rows, columns }) => [
    name,
    { name: graph.parameter(name, [rows, columns], values[name]!), rows, columns },
  ]);
  return Object.fromEntries(tensors);
}

/** The tensor (1) that holds the rows of another. */
function rowsOf(graph: GraphScope, tensor: string): string {
  return graph.node('Shape', [tensor], { start: 0, end: 1 });
}

function mapEntries<A, B>(record: Named<A>, map: (name: string, value: A) => B): Named<B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(name, value)]));
}
