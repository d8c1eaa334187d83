/** Runs one program of the comparison. */
import { spawnSync } from 'node:child_process';

const timeLimitMs = 300_000;

/**
 * The JSON line a program printed, or why there is none.
 *
 * @param {import('./peer-list.mjs').Program} program
 * @param {number} steps that count
 * @returns {{captionsPerSecond: number, stepMs: {median: number}, supplier?: string} | {failure: string}}
 */
export function runProgram(program, steps) {
  const [file, ...args] = program.command(steps);
  const { stdout, stderr, status, error } = spawnSync(file, args, {
    env: { ...process.env, ...program.env },
    encoding: 'utf8',
    timeout: timeLimitMs,
    killSignal: 'SIGKILL',
  });
  const line = (stdout ?? '')
    .split('\n')
    .filter((text) => text.startsWith('{'))
    .at(-1);
  if (status === 0 && line !== undefined) return { ...JSON.parse(line), peer: program.name };
  if (error?.code === 'ETIMEDOUT') return { failure: `took more than ${timeLimitMs / 1000} s` };
  return { failure: error?.message ?? reason(stderr ?? '') ?? `ended with status ${status}` };
}

/**
 * The line of an error output that says what is wrong: Python's last exception, after which a library may give advice,
 * or else the first line, where recap says it.
 */
export function reason(stderr) {
  const said = stderr.split('\n').filter((text) => text.trim() !== '');
  if (!said.some((text) => text.startsWith('Traceback '))) return said[0];
  return said.filter((text) => /^[A-Za-z_][\w.]*: ./.test(text)).at(-1) ?? said.at(-1);
}
