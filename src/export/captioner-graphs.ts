/** A captioner's programs `start` and `step` as graphs of ONNX, and one that writes whole captions by them. */
import { dataType } from '../features/onnx-fields.js';
import type { CaptionEnds } from '../model/decoding/decoding.js';
import { layoutOf } from '../tensor/layout.js';
import type { Named } from '../tensor/matrix.js';
import type { ModelSpec } from '../tensor/model-spec.js';
import { GraphScope } from './graph-scope.js';
import type { Dialect, ElementType, OnnxGraph, Port } from './onnx-encoding.js';
import { anyRows, OnnxOps, type OnnxTensor } from './onnx-ops.js';

export interface TrainedModel {
  readonly spec: ModelSpec;
  /** By name, each in one piece. */
  readonly parameters: Named<Float32Array>;
  /** Whether the vectors of grids are rounded to float16 before anything else. */
  readonly roundsGrids: boolean;
  /** What makes the model's inputs of photos; null where they are inputs of the graph. */
  readonly front: Front | null;
}

/** What stands before a captioner in its graph. */
export interface Front {
  readonly dialect: Dialect;
  /** Of its weights and nodes. */
  readonly bytes: number;
  /** Adds its inputs and nodes. @returns the names of the tensors that are the model's inputs, by their names */
  addTo(graph: GraphScope): Named<string>;
}

export interface CaptionRules extends CaptionEnds {
  /** Words that no caption holds. */
  readonly never: readonly number[];
  /** What stands behind a caption's end. */
  readonly padding: number;
}

/** The free dimension of all graphs: images, or captions under way. */
const n = 'n';

/** What `start` takes → what it gives, but for what is as it was given; behind a front also what of that `step` reads. */
export function startGraph(model: TrainedModel): OnnxGraph {
  const graph = wholeGraph(model);
  const { front, inputs, tensors } = traceStart(graph, model);
  const { start, step } = model.spec.programs;
  for (const [name, tensor] of Object.entries(front)) {
    if (step.inputs[name] !== undefined) graph.output(inputPort(model, name, start.inputs[name]!), tensor);
  }
  const given = Object.values(inputs).map(({ name }) => name);
  for (const [name, { columns, name: tensor }] of Object.entries(tensors)) {
    if (!given.includes(tensor)) graph.output({ name, type: 'float32', shape: [n, columns] }, tensor);
  }
  return graph.build();
}

/** What `step` takes and `words` (n) → the next state, as `next_NAME`, `scores` and what else it gives. */
export function stepGraph(model: TrainedModel): OnnxGraph {
  const graph = wholeGraph(model);
  const { inputs, tensors } = traceStep(graph, model);
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
export function captionsGraph(model: TrainedModel, rules: CaptionRules): OnnxGraph {
  const graph = wholeGraph(model);
  const start = traceStart(graph, model);
  // What a step gives anew; all else that `start` gave belongs to the image and stays.
  const changing = Object.keys(traceStep(wholeGraph(model), model).tensors);
  const state = Object.entries(start.tensors).filter(([name]) => changing.includes(name));
  const body = stepOfCaptions(graph.body(), model, rules, start, Object.fromEntries(state));
  const onEachRow = (type: ElementType, value: number) =>
    graph.node('Expand', [graph.constant(type, [1], [value]), start.rows]);
  const carried = [...state.map(([, { name }]) => name), onEachRow('int64', rules.start), onEachRow('bool', 1)];
  const longest = graph.constant('int64', [], [rules.longest]);
  const inputs = [longest, graph.constant('bool', [], [1]), ...carried];
  const written = graph.nodeOf('Loop', inputs, carried.length + 1, { body }).at(-1)!;
  graph.output({ name: 'words', type: 'int64', shape: [n, 't'] }, graph.node('Transpose', [written], { perm: [1, 0] }));
  return graph.build();
}

/**
 * The body of the loop: position, whether it goes on, the state, the last words (n) and which captions are open (n) → all
 * of these but the position, and the words written.
 *
 * @param state what of `start` changes from step to step
 */
function stepOfCaptions(
  body: GraphScope,
  { spec }: TrainedModel,
  { never, padding, end }: CaptionRules,
  start: ReturnType<typeof traceStart>,
  state: Named<OnnxTensor>,
): OnnxGraph {
  const flag = { name: 'goes_on', type: 'bool', shape: [] } as const;
  const lastWords = { name: 'last_words', type: 'int64', shape: [n] } as const;
  const openCaptions = { name: 'open', type: 'bool', shape: [n] } as const;
  const port = (name: string, columns: number) =>
    ({ name: `state_${name}`, type: 'float32', shape: [n, columns] }) as const;
  body.input({ name: 'position', type: 'int64', shape: [] });
  body.input(flag);
  const before = Object.entries(state).map(([name, tensor]) => [
    name,
    { ...tensor, name: body.input(port(name, tensor.columns)) },
  ]);
  const last = body.input(lastWords);
  const open = body.input(openCaptions);

  const ops = new OnnxOps(body, start.rows, last);
  const reads = { ...start.tensors, ...Object.fromEntries(before) };
  const { tensors = {} } = spec.programs.step.run(ops, start.parameters, reads);
  const barrier = Array.from({ length: spec.dimensions.vocabSize }, (_, word) =>
    never.includes(word) ? Number.NEGATIVE_INFINITY : 0,
  );
  const scores = body.node('Add', [tensors.scores!.name, body.constant('float32', [1, barrier.length], barrier)]);
  const likeliest = body.node('ArgMax', [scores], { axis: 1, keepdims: 0 });
  const word = body.node('Where', [open, likeliest, body.constant('int64', [1], [padding])]);
  const isEnd = body.node('Equal', [word, body.constant('int64', [1], [end])]);
  const stillOpen = body.node('And', [open, body.node('Not', [isEnd])]);
  const anyOpen = body.node('ReduceMax', [body.node('Cast', [stillOpen], { to: dataType.int64 })], { keepdims: 0 });

  body.output(flag, body.node('Cast', [anyOpen], { to: dataType.bool }));
  for (const [name, { columns }] of Object.entries(state)) body.output(port(name, columns), tensors[name]!.name);
  body.output(lastWords, word);
  body.output(openCaptions, stillOpen);
  body.output({ ...lastWords, name: 'written' }, word);
  return body.build();
}

function wholeGraph({ front }: TrainedModel): GraphScope {
  return front ? GraphScope.whole(front.dialect.operatorSet) : GraphScope.whole();
}

function traceStart(graph: GraphScope, model: TrainedModel) {
  const { programs } = model.spec;
  const front = model.front?.addTo(graph) ?? {};
  const inputs = inputTensors(graph, model, programs.start.inputs, front);
  const parameters = parameterTensors(graph, model);
  const rows = rowsOf(graph, Object.values(inputs)[0]!.name);
  const { tensors = {} } = programs.start.run(new OnnxOps(graph, rows, null), parameters, inputs);
  return { front, inputs, parameters, rows, tensors };
}

function traceStep(graph: GraphScope, model: TrainedModel) {
  const { programs } = model.spec;
  const words = graph.input({ name: 'words', type: 'int64', shape: [n] });
  const inputs = inputTensors(graph, model, programs.step.inputs, {});
  const ops = new OnnxOps(graph, rowsOf(graph, words), words);
  const { tensors = {} } = programs.step.run(ops, parameterTensors(graph, model), inputs);
  return { inputs, tensors };
}

/**
 * The inputs of a program by their names.
 *
 * @param known tensors of the graph that are inputs; all others become inputs of the graph
 */
function inputTensors(
  graph: GraphScope,
  model: TrainedModel,
  inputs: Named<number>,
  known: Named<string>,
): Named<OnnxTensor> {
  const tensors = Object.entries(inputs).map(([name, columns]) => {
    let tensor = known[name] ?? graph.input(inputPort(model, name, columns));
    if (model.spec.dimensions.positions?.[name] !== undefined) {
      if (model.roundsGrids) {
        const rounded = graph.node('Cast', [tensor], { to: dataType.float16 });
        tensor = graph.node('Cast', [rounded], { to: dataType.float32 });
      }
      tensor = graph.node('Reshape', [tensor, graph.constant('int64', [2], [-1, columns])]);
    }
    return [name, { name: tensor, rows: anyRows, columns }];
  });
  return Object.fromEntries(tensors);
}

/** As it is given in files: vectors of a grid in a dimension of their own. */
function inputPort({ spec }: TrainedModel, name: string, columns: number): Port {
  const positions = spec.dimensions.positions?.[name];
  const shape = positions === undefined ? [n, columns] : [n, positions, columns / positions];
  return { name, type: 'float32', shape };
}

function parameterTensors(graph: GraphScope, { spec, parameters }: TrainedModel): Named<OnnxTensor> {
  const tensors = layoutOf(spec.parameters).places.map(({ name, rows, columns }) => [
    name,
    { name: graph.parameter(name, [rows, columns], parameters[name]!), rows, columns },
  ]);
  return Object.fromEntries(tensors);
}

/** The tensor (1) that holds the rows of another. */
function rowsOf(graph: GraphScope, tensor: string): string {
  return graph.node('Gather', [graph.node('Shape', [tensor]), graph.constant('int64', [1], [0])]);
}
