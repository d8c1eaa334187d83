import { describe, expect, it, vi } from 'vitest';
import { reportError } from '../../src/cli/errors.js';
import { TrainingError, UserError } from '../../src/errors.js';

function report(error: unknown): { code: number; text: string } {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const code = reportError(error);
    return { code, text: write.mock.calls.map(([chunk]) => chunk).join('') };
  } finally {
    write.mockRestore();
  }
}

describe('an error that ends a command', () => {
  it("is one line and exit code 2 where it is the user's mistake", () => {
    expect(report(new UserError('wrong'))).toEqual({ code: 2, text: 'recap: wrong\n' });
  });

  it('is one line and exit code 1 where training or the machine failed', () => {
    expect(report(new TrainingError('diverged'))).toEqual({ code: 1, text: 'recap: diverged\n' });
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      syscall: 'write',
    });
    expect(report(full)).toEqual({ code: 1, text: 'recap: ENOSPC: no space left on device, write\n' });
  });

  it('has a stack trace and says what to report where it is a bug', () => {
    const { code, text } = report(new TypeError('oops'));
    expect(code).toBe(1);
    expect(text).toMatch(/^recap: TypeError: oops\n {4}at /);
    expect(text).toContain('This is a bug in recap');
  });
});
