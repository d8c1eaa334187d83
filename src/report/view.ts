/** What a screen shows while it changes. */
import type { Line } from './text.js';

export interface View {
  /** Lines for a terminal of so many columns, and how many of its rows they may take; what is more is cut. */
  lines(columns: number, rows: number): readonly Line[];
  /** All of it in one line, for where nothing can be redrawn. */
  plain(): string;
  /** Whether it is worth such a line by now. */
  isDue?(): boolean;
}
