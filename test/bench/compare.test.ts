/** What the speed comparison measures and whom recap meets in it; no figure is measured here. */
import { beforeAll, describe, expect, it } from 'vitest';

type Measured = { program: { form: string; name: string }; line: { captionsPerSecond: number } };
let cells: {
  selectedCells(options: Record<string, unknown>): object[];
  cellName(cell: object): string;
};
let ranking: {
  contenders(measured: Measured[]): Measured[];
  summary(lines: object[]): Record<string, number>;
};
let reason: (stderr: string) => string | undefined;
let peers: (cell: object, settings: object) => { name: string; programs: { name: string }[] }[];
beforeAll(async () => {
  cells = await import('../../bench/cells.mjs' as string);
  ranking = await import('../../bench/ranking.mjs' as string);
  ({ reason } = await import('../../bench/run-program.mjs' as string));
  ({ peers } = await import('../../bench/peer-list.mjs' as string));
});

const names = (options: Record<string, unknown>) => cells.selectedCells(options).map(cells.cellName);

describe('the cells of a comparison', () => {
  it('are both models at both lengths in both precisions, then attention', () => {
    expect(names({ data: '/data' })).toHaveLength(9);
    expect(names({})).toEqual([
      'LSTM, full length, float32',
      'LSTM, full length, bf16',
      'RNN, full length, float32',
      'RNN, full length, bf16',
      'LSTM with attention, full length, float32',
    ]);
  });

  it('are narrowed by options, attention being a cell of its own', () => {
    expect(names({ cell: 'rnn', lengths: 'data', precision: 'bf16', data: '/data' })).toEqual([
      'RNN, real captions, bf16',
    ]);
    expect(names({ cell: 'lstm' })).toEqual(['LSTM, full length, float32', 'LSTM, full length, bf16']);
    expect(names({ attention: true })).toEqual(['LSTM with attention, full length, float32']);
  });

  it('cannot be of options that do not fit', () => {
    expect(() => names({ cell: 'gru' })).toThrow('--cell is "gru"; expected lstm or rnn.');
    expect(() => names({ lengths: 'data' })).toThrow('--lengths data needs --data DIR.');
    expect(() => names({ attention: true, cell: 'rnn' })).toThrow('leave out --cell');
  });
});

describe('the peers of a cell', () => {
  const settings = { cores: 2, python: 'python', blasEnv: {}, openBlas: false };
  const lstm = { recurrence: 'lstm', attention: false, data: undefined, precision: 'bf16' };
  const firstPrograms = (cell: object) => peers(cell, settings).map(({ programs }) => programs[0]!.name);

  it('are compiled loops beside the library’s recurrent layers, each first on all cores', () => {
    const first = firstPrograms(lstm);
    expect(first).toContain('PyTorch padded, 2 threads');
    expect(first).toContain('PyTorch compiled-loop, 2 threads');
    expect(first.every((name) => name.endsWith(', 2 threads'))).toBe(true);
    expect(firstPrograms({ ...lstm, data: '/data' })).toContain('PyTorch compiled-step, 2 threads');
  });

  it('have one threading on one core', () => {
    expect(peers(lstm, { ...settings, cores: 1 }).every(({ programs }) => programs.length === 1)).toBe(true);
  });
});

describe('the ranking', () => {
  const measured = (name: string, captionsPerSecond: number) => ({
    program: { form: name.slice(0, 1), name },
    line: { captionsPerSecond },
  });
  const met = (...all: Measured[]) => ranking.contenders(all).map(({ program }) => program.name);

  it('sends the fastest peer into the rounds, and a second form only where it is level', () => {
    expect(met(measured('a', 700), measured('b', 1000), measured('c', 960))).toEqual(['b']);
    expect(met(measured('a', 985), measured('b', 1000), measured('b, passive', 990))).toEqual(['b', 'a']);
    expect(met()).toEqual([]);
  });

  it('sums rounds up by medians and ranges', () => {
    const lines = [900, 1000, 400].map((captionsPerSecond) => ({
      captionsPerSecond,
      stepMs: { median: 1e5 / captionsPerSecond },
    }));
    expect(ranking.summary(lines)).toEqual({ speed: 900, lowest: 400, highest: 1000, stepMs: 1e5 / 900 });
    expect(ranking.summary(lines.slice(0, 2)).speed).toBe(950);
  });
});

describe('the reason of a program that fails', () => {
  it('is Python’s last exception, without the advice after it', () => {
    const stderr = [
      'Traceback (most recent call last):',
      '  File "torch_peer.py", line 1, in train',
      'torch._inductor.exc.InductorError: InvalidCxxCompiler: No working C++ compiler found',
      '',
      'Set TORCHDYNAMO_VERBOSE=1 for the internal stack trace',
    ].join('\n');
    expect(reason(stderr)).toBe('torch._inductor.exc.InductorError: InvalidCxxCompiler: No working C++ compiler found');
  });

  it('is the first line of what recap says', () => {
    expect(reason('bench: no such folder.\nIt looked in DIR.\n')).toBe('bench: no such folder.');
    expect(reason('')).toBeUndefined();
  });
});
