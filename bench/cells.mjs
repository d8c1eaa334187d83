/** The cells of the comparison: a model, the lengths of its captions and a precision. */

/**
 * @typedef {object} Cell
 * @property {'lstm' | 'rnn'} recurrence
 * @property {boolean} attention
 * @property {string | undefined} data folder of real captions; without it random ones at full length
 * @property {'float32' | 'bf16'} precision
 */

/** The values an option may have; without the option it is each of them. */
export const choices = { cell: ['lstm', 'rnn'], lengths: ['full', 'data'], precision: ['float32', 'bf16'] };

/**
 * The cells that options select: all, or those of --cell, --lengths and --precision, or with --attention the one with
 * attention. Real captions take part where there is a folder of them.
 *
 * @param {{cell?: string, lengths?: string, precision?: string, attention?: boolean, data?: string}} options
 * @returns {Cell[]}
 * @throws {RangeError} whose message says which option does not fit
 */
export function selectedCells({ attention = false, data, ...narrowing }) {
  for (const [option, known] of Object.entries(choices)) {
    const value = narrowing[option];
    if (value === undefined) continue;
    if (!known.includes(value)) throw new RangeError(`--${option} is "${value}"; expected ${known.join(' or ')}.`);
    if (attention) throw new RangeError(`--attention is one cell (LSTM, full length, float32); leave out --${option}.`);
  }
  if (narrowing.lengths === 'data' && data === undefined) throw new RangeError('--lengths data needs --data DIR.');
  const withAttention = { recurrence: 'lstm', attention: true, data: undefined, precision: 'float32' };
  if (attention) return [withAttention];
  const values = (option) => (narrowing[option] === undefined ? choices[option] : [narrowing[option]]);
  const cells = values('lengths')
    .filter((lengths) => lengths === 'full' || data !== undefined)
    .flatMap((lengths) =>
      values('cell').flatMap((recurrence) =>
        values('precision').map((precision) => ({
          recurrence,
          attention: false,
          data: lengths === 'data' ? data : undefined,
          precision,
        })),
      ),
    );
  const whole = Object.keys(choices).every((option) => narrowing[option] === undefined);
  return whole ? [...cells, withAttention] : cells;
}

/** Such as "LSTM, real captions, bf16". */
export function cellName({ recurrence, attention, data, precision }) {
  const model = `${recurrence.toUpperCase()}${attention ? ' with attention' : ''}`;
  return `${model}, ${data === undefined ? 'full length' : 'real captions'}, ${precision}`;
}
