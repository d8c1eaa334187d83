import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { acquireLock } from '../../src/files/lock.js';

const compiled = fileURLToPath(new URL('../../dist/src/files/lock.js', import.meta.url));

let folder: string;
let path: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A process that takes the lock, says so, and waits for a line before it ends by itself. */
async function holder(): Promise<ChildProcess> {
  const script = `
    const { acquireLock } = await import(${JSON.stringify(compiled)});
    try {
      acquireLock(${JSON.stringify(path)}, 'The folder');
      console.log('held');
      process.stdin.once('data', () => process.exit(0));
    } catch (error) {
      console.log(error.message);
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [data] = await once(child.stdout!, 'data');
  return String(data).trim();
}

const anyone = (fields: object): string =>
  JSON.stringify({ pid: process.pid, host: hostname(), started: null, ...fields });

it('refuses a lock that a living process holds, naming it, and takes it once that process was killed', async () => {
  const child = await holder();
  expect(await firstLine(child)).toBe('held');
  expect(() => acquireLock(path, 'The folder')).toThrow(
    `The folder is in use by process ${child.pid}. Stop it, or use another folder.`,
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(existsSync(path)).toBe(true);
  const lock = acquireLock(path, 'The folder');
  expect(JSON.parse(readFileSync(path, 'utf8')).pid).toBe(process.pid);
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
});

it('is gone when its process ends by itself', async () => {
  const child = await holder();
  expect(await firstLine(child)).toBe('held');
  child.stdin!.write('\n');
  await once(child, 'exit');
  expect(readdirSync(folder)).toEqual([]);
});

it('goes to one of many processes that find a stale lock at the same time', async () => {
  writeFileSync(path, anyone({ pid: 2 ** 22 + 1 }));
  const answers = await Promise.all((await Promise.all(Array.from({ length: 8 }, holder))).map(firstLine));
  expect(answers.filter((answer) => answer === 'held')).toHaveLength(1);
  for (const answer of answers) expect(answer).toMatch(/^held$|in use by process|being taken by another process/);
});

it('does not take a second process with the number of the holder for the holder', () => {
  acquireLock(path, 'The folder').release();
  writeFileSync(path, anyone({ started: 'another boot/1' }));
  // Without /proc there is no telling them apart.
  if (existsSync('/proc/self/stat')) acquireLock(path, 'The folder').release();
  else expect(() => acquireLock(path, 'The folder')).toThrow('in use by process');
});

it('is refused to the process that holds it already', () => {
  const lock = acquireLock(path, 'The folder');
  expect(() => acquireLock(path, 'The folder')).toThrow(`in use by process ${process.pid}`);
  lock.release();
});

it('leaves a lock of another machine alone and says how to remove it', () => {
  writeFileSync(path, anyone({ host: 'elsewhere', pid: 1 }));
  expect(() => acquireLock(path, 'The folder')).toThrow(
    `in use by process 1 on the machine elsewhere. If it no longer runs there, delete ${path}.`,
  );
});

it('that can be neither written nor read is named with the reason', () => {
  expect(() => acquireLock(join(folder, 'none', 'lock'), 'The folder')).toThrow(/lock cannot be written: ENOENT/);
  mkdirSync(path);
  expect(() => acquireLock(path, 'The folder')).toThrow(`The lock ${path} cannot be read: EISDIR`);
});

it.each(['', 'nonsense', '{"pid":-1,"host":"x"}', 'null'])('takes over a lock file that holds %j', (text) => {
  writeFileSync(path, text);
  acquireLock(path, 'The folder').release();
  expect(existsSync(path)).toBe(false);
});

it('does not remove a lock that someone else took after it was deleted by hand', () => {
  const lock = acquireLock(path, 'The folder');
  writeFileSync(path, anyone({ pid: 1 }));
  lock.release();
  expect(JSON.parse(readFileSync(path, 'utf8')).pid).toBe(1);
});
