/** Attention over grids as kernel calls in a graph. */
import type { AttentionGradients, AttentionMemory, AttentionStep, Ops } from '../../tensor/ops.js';
import * as kernels from './attention-kernels.js';
import type { GpuTensor, Graph } from './graph.js';

type T = GpuTensor;

/** The operations of GpuOps that attention is made of. */
type Basics = Pick<Ops<T>, 'add' | 'sigmoid' | 'tanh'> & { logSumExp(scores: T): T };

/** tanh(projected + query) of every position (rows·L,A): the same call forward and backward, so done once. */
function compared(graph: Graph, ops: Basics, { projected, positions }: AttentionMemory<T>, query: T): T {
  const shape = [projected.rows, projected.columns] as const;
  return ops.tanh(graph.call(kernels.addQuery, shape, [projected, query], { positions }));
}

export function attend(graph: Graph, ops: Basics, memory: AttentionMemory<T>, query: T, gate: T): AttentionStep<T> {
  const { grid, scorer, positions } = memory;
  const { rows, columns } = query;
  const u = compared(graph, ops, memory, query);
  const shape = [rows, positions] as const;
  const scores = graph.call(kernels.positionScores, shape, [u, scorer], { positions, columns });
  const weights = graph.call(kernels.softmaxWeights, shape, [scores, ops.logSumExp(scores)]);
  const operands = [weights, grid, ops.sigmoid(gate)];
  const context = graph.call(kernels.weightedContext, [rows, grid.columns], operands, { positions });
  return { query, gate, context, weights };
}

export function attendBackward(
  graph: Graph,
  ops: Basics,
  memory: AttentionMemory<T>,
  { query, gate, context, weights }: AttentionStep<T>,
  dcontext: T,
  dweights: T | null,
  dprojectedNext: T | null,
): AttentionGradients<T> {
  const { grid, projected, scorer, positions } = memory;
  const { rows, columns: A } = query;
  const { columns } = grid;
  const beta = ops.sigmoid(gate);
  const u = compared(graph, ops, memory, query);
  const shape = [rows, positions] as const;
  const throughContext = graph.call(kernels.weightGradient, shape, [dcontext, grid, beta], { positions, columns });
  const total = dweights ? ops.add(throughContext, dweights) : throughContext;
  const dscores = graph.call(kernels.scoreGradient, shape, [weights, total], { positions });
  const own = graph.call(kernels.projectionGradient, [projected.rows, A], [dscores, u, scorer], { positions });
  return {
    dquery: graph.call(kernels.sumOfPositions, [rows, A], [own], { positions }),
    dgate: graph.call(kernels.gateGradient, [rows, 1], [dcontext, context, beta], { columns }),
    dscorer: graph.call(kernels.scorerGradient, [rows, A], [dscores, u], { positions }),
    dprojected: dprojectedNext ? ops.add(own, dprojectedNext) : own,
  };
}

/** @param alive (M,1) 1 where a caption still has a target */
export function coverageLoss(
  graph: Graph,
  { rows, steps }: Pick<Ops<T>['plan'], 'rows' | 'steps'>,
  weights: T,
  alive: T,
  factor: number,
): { losses: T; dweights: T } {
  const positions = weights.columns;
  const missing = graph.call(kernels.missingCoverage, [rows, positions], [weights, alive], { rows, steps });
  const constants = { rows, positions };
  const operands = [missing, alive, factor];
  return {
    losses: graph.call(kernels.coverageLosses, [weights.rows, 1], [missing, factor], constants),
    dweights: graph.call(kernels.coverageGradient, [weights.rows, positions], operands, { rows }),
  };
}
