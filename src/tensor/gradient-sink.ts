/** Gathers the gradients of parameters by name while a program goes backward. */
import type { Named, Shape } from './matrix.js';
import type { GradientOptions, Ops } from './ops.js';

/**
 * Layers hand over their gradients in whatever order they come. The first one of a parameter is computed in its final
 * place, the next ones of the same parameter (shared by two layers, say) are added to it.
 */
export class GradientSink<T extends Shape> {
  private readonly found = new Map<string, T>();

  /**
   * @param isTrained which parameters get a gradient; what would make one for others is not computed
   */
  constructor(
    private readonly ops: Ops<T>,
    private readonly isTrained: (name: string) => boolean,
  ) {}

  /** @param make computes the gradient, and is to pass the options on to the operation that gives it */
  add(name: string, make: (options: GradientOptions) => T): void {
    if (!this.isTrained(name)) return;
    const before = this.found.get(name);
    const gradient = before === undefined ? make({ gradientOf: name }) : this.ops.accumulate(before, make({}));
    this.found.set(name, gradient);
  }

  get gradients(): Named<T> {
    return Object.fromEntries(this.found);
  }
}
