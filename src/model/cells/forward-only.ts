/** Cells that are written forward only: the generic operations know the way back. */
import { Node, Tape } from '../../tensor/differentiate.js';
import type { Named, Shape } from '../../tensor/matrix.js';
import type { CellOps } from '../../tensor/ops.js';
import type { Cell, State } from './cell.js';

/** A cell without its way back. */
export interface ForwardCell extends Omit<Cell, 'step'> {
  /**
   * One time step: the step's rows of x·Wx + b (live(t),G) and the state before (live(t),H each) → the next state.
   * A parameter may be the right side of a product, a bias or an added row.
   */
  forward<T extends Shape>(ops: CellOps<T>, parameters: Named<T>, x: T, previous: State<T>): State<T>;
}

/** The cell with its way back. */
export function differentiate({ forward, ...cell }: ForwardCell): Cell {
  return {
    ...cell,
    step(ops, parameters, x, previous) {
      const tape = new Tape(ops);
      const xNode = new Node(x);
      const before = mapValues(previous, (value) => new Node(value));
      const own = mapValues(parameters, (value, name) => new Node(value, name));
      const after = forward(tape, own, xNode, before);
      return {
        state: mapValues(after, ({ value }) => value),
        backward(dy, dnext) {
          const { rows, columns } = dy;
          const above = [[after.h!, dy] as const];
          for (const name of cell.state) {
            if (dnext) above.push([after[name]!, ops.padRows(dnext[name]!, rows)]);
            // At the last step too each state has a gradient, so that every step notes the same uses of parameters.
            else if (name !== 'h') above.push([after[name]!, ops.zeros(rows, columns)]);
          }
          tape.backward(above);
          return {
            dx: xNode.gradient ?? ops.zeros(rows, x.columns),
            dprev: mapValues(before, ({ gradient }) => gradient ?? ops.zeros(rows, columns)),
            products: tape.products,
            rows: tape.rows,
          };
        },
      };
    },
  };
}

function mapValues<A, B>(record: Named<A>, map: (value: A, name: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}
