/** What the operations of one run share: its plan, its working memory, who computes, and where things lie. */
import type { Draws } from '../../tensor/draws.js';
import type { StepPlan } from '../../tensor/step-plan.js';
import type { Arena, Tensor } from './arena.js';
import type { Kernels } from './kernels.js';
import type { Products } from './suppliers/products.js';

export interface RunContext {
  readonly plan: StepPlan;
  readonly arena: Arena;
  readonly kernels: Kernels;
  readonly products: Products;
  /** Byte offsets of the plan's index arrays. */
  readonly words: number;
  readonly inputOf: number;
  readonly targets: number;
  /** Byte offset of the plan's weights, 0 where it has none. */
  readonly weights: number;
  /** Addresses of the run's random numbers; undefined where it has none. */
  readonly draws: Draws | undefined;
  /** Byte offset of the whole numbers from 0 to the plan's rows, the index of rows that lie one after another. */
  readonly counting: number;
  /** Byte offset and size of the working memory of the products. */
  readonly scratch: number;
  readonly scratchBytes: number;
  /** Where the gradient of a parameter belongs. */
  gradientSlot(name: string): number;
  /**
   * For a table whose rows are read by word alone, what makes its gradient slot hold these rows (U,W) and zeros;
   * undefined for any other parameter.
   */
  sparseTable(name: string): ((rows: Tensor) => void) | undefined;
  isParameter(tensor: Tensor): boolean;
  /** Copies whole numbers into the arena and returns their byte offset. */
  readonly placeIntegers: (values: Int32Array) => number;
}
