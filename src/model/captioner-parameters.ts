/** The parameters of a captioner, in their order, and how they begin. */
import { type Dimensions, type ParameterSpec, parameter } from '../tensor/model-spec.js';
import type { CaptionerOptions } from './captioner-options.js';
import type { Cell } from './cells/cell.js';
import type { GridShape } from './grid-attention.js';
import { attentionParameters } from './layers/attention.js';
import { layerSuffix } from './layers/stack.js';
import { standardizationTables } from './layers/standardization.js';

/**
 * CS231n's initialisation: W_embed normal/100, the other matrices normal/√(fan-in), biases 0. Where W_embed scores words
 * too it begins as W_vocab does: a hundredth would hold the scores near zero for the first epochs.
 */
export function captionerParameters(
  cell: Cell,
  options: CaptionerOptions,
  { inputs, vocabSize: V }: Dimensions,
  grid: GridShape | null,
): ParameterSpec[] {
  const { wordDim: W, hiddenDim: H, layers, forgetBias, tieEmbeddings, wordVectors, imageTo } = options;
  const G = cell.gates * H;
  const matrix = (name: string, rows: number, columns: number) =>
    parameter(name, [rows, columns], { normal: 1 / Math.sqrt(rows) });
  const biases = Array.from({ length: cell.gates }, (_, gate) => (gate === cell.forgetGate ? forgetBias : 0));
  const recurrent = (k: number) => {
    const suffix = layerSuffix(k);
    const own = cell.parameters(H).map((each) => ({ ...each, name: each.name + suffix }));
    const [first, ...rest] = own;
    return [
      matrix(`Wx${suffix}`, k === 1 ? W : H, G),
      ...(first ? [first] : []),
      parameter(`b${suffix}`, [G], { blocks: biases }),
      ...rest,
    ];
  };
  const D = inputs.features!;
  const projected = imageTo === 'firstWord' ? W : H;
  return [
    matrix('W_proj', D, projected),
    parameter('b_proj', [projected], 'zeros'),
    parameter(
      'W_embed',
      [V, W],
      wordVectors === null ? { normal: tieEmbeddings ? 1 / Math.sqrt(H) : 1 / 100 } : 'wordVectors',
      {
        trained: wordVectors === null || options.wordVectorsTrained,
        sparseRows: !tieEmbeddings,
        role: 'embedding',
      },
    ),
    ...recurrent(1),
    ...(tieEmbeddings ? [] : [matrix('W_vocab', H, V)]),
    parameter('b_vocab', [V], 'zeros'),
    ...Array.from({ length: layers - 1 }, (_, i) => recurrent(i + 2)).flat(),
    ...(imageTo === 'everyStep' ? [matrix('Wx_image', H, G)] : []),
    ...(grid ? attentionParameters(grid.columns, grid.projected, H, G) : []),
    ...(grid && options.attentionToOutput ? [matrix('W_context', grid.columns, V)] : []),
    ...(options.standardize ? standardizationTables(D) : []),
  ];
}
