/** The cells that a config can name. */
import type { Cell } from './cell.js';
import { gru } from './gru.js';
import { lstm } from './lstm.js';
import { rnn } from './rnn.js';

export const builtInCells = { rnn, lstm, gru } as const satisfies Record<string, Cell>;
export type CellName = keyof typeof builtInCells;
