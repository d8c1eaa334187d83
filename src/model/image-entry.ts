/** Where the image enters a captioner: what its layers begin from, and what they read beside the words. */
import type { GradientSink } from '../tensor/gradient-sink.js';
import type { Named, Shape } from '../tensor/matrix.js';
import type { Ops } from '../tensor/ops.js';
import type { CaptionerOptions, DropoutRates } from './captioner-options.js';
import type { Cell, State } from './cells/cell.js';
import { affine } from './layers/affine.js';
import { dropout } from './layers/dropout.js';
import { earlyStep } from './layers/early-step.js';
import type { LayerGradients } from './layers/recurrent.js';
import { layerSuffix } from './layers/stack.js';
import { standardized } from './layers/standardization.js';

export interface ImageEntry<T> {
  /** Of all layers (n,H each). */
  readonly state0: State<T>;
  /** (n,G) what the lowest layer's input product has added at every step; null where it has not. */
  readonly beside: T | null;
  /** Gives the sink the gradients of what projects the image, given those of the layers. */
  backward(gradients: Pick<LayerGradients<T>, 'dbeside' | 'dstate0'>): void;
}

/** Names of the state's tensors: `h` and so on of the lowest layer, those of layer k from 2 on with k behind. */
export function stateNames(cell: Cell, layers: number): readonly string[] {
  return Array.from({ length: layers }, (_, i) => cell.state.map((name) => name + layerSuffix(i + 1))).flat();
}

/** @param features (n,D), n the captions alive at the first word */
export function imageEntry<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  cell: Cell,
  { imageTo, hiddenDim, layers, residual, standardize }: CaptionerOptions,
  rates: DropoutRates,
  parameters: Named<T>,
  features: T,
): ImageEntry<T> {
  const x = standardize ? standardized(ops, parameters, features) : features;
  const { y } = dropout(ops, x, 'image', rates.image, 'images');
  const image = affine(ops, sink, parameters, ['W_proj', 'b_proj'], y);
  const zerosBut = (known: State<T>) =>
    Object.fromEntries(
      stateNames(cell, layers).map((name) => [name, known[name] ?? ops.zeros(features.rows, hiddenDim)]),
    );
  switch (imageTo) {
    case 'state':
      return {
        state0: zerosBut({ h: image.y }),
        beside: null,
        backward: ({ dstate0 }) => image.backward(dstate0.h!),
      };
    case 'everyStep': {
      const weights = parameters.Wx_image!;
      return {
        state0: zerosBut({}),
        beside: ops.matmul(image.y, weights),
        backward({ dbeside }) {
          sink.add('Wx_image', (options) => ops.matmul(image.y, dbeside!, { transposeA: true, ...options }));
          image.backward(ops.matmul(dbeside!, weights, { transposeB: true }));
        },
      };
    }
    case 'firstWord': {
      const early = earlyStep(ops, sink, cell, layers, residual, rates.hidden, parameters, image.y, hiddenDim);
      return {
        state0: early.state,
        beside: null,
        backward: ({ dstate0 }) => image.backward(early.backward(dstate0)),
      };
    }
  }
}
