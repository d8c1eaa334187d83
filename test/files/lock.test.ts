import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../src/files/lock.js';
import { ownIdentity } from '../../src/files/process-identity.js';

/** Of 12 contenders for a stale lock. */
const rounds = Number(process.env.RECAP_LOCK_ROUNDS ?? 25);
const isSuperUser = process.getuid?.() === 0;
/** Containers of one's own can be made by the super-user alone, and not everywhere. */
const canUnshare = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', '--kill-child', 'true']).status === 0;
const compiled = fileURLToPath(new URL('../../dist/src/files/lock.js', import.meta.url));

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-lock-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

const untilALine = `process.stdin.once('data', () => process.exit(0));`;
const withoutATurn = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;

/** A process that takes the lock, says so, and waits: for a line, by default, before it ends by itself. */
function holder(command: readonly string[] = [], wait = untilALine): ChildProcess {
  const script = `
    const { acquireLock } = await import(${JSON.stringify(compiled)});
    try {
      await acquireLock(${JSON.stringify(folder)}, 'The folder');
      console.log('held');
      ${wait}
    } catch (error) {
      console.log(error.message);
    }`;
  const [program, ...words] = [...command, process.execPath, '--input-type=module', '-e', script];
  const child = spawn(program!, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [data] = await once(child.stdout!, 'data');
  return String(data).trim();
}

const take = () => acquireLock(folder, 'The folder');
/** More than any process of this machine has. */
const nobody = 2 ** 22 + 1;
const uuid = '00000000-0000-4000-8000-000000000000';

/** The lock of a process that holds the folder. */
function putLock(fields: object = {}, name = `lock-${uuid}`): string {
  const path = join(folder, name);
  writeFileSync(path, `${JSON.stringify({ ...ownIdentity(), ...fields })}\nholds\n`);
  return path;
}

describe('the lock on a folder', () => {
  it('is refused while a living process holds it, naming it, and is free once that process was killed', async () => {
    const child = holder();
    expect(await firstLine(child)).toBe('held');
    await expect(take()).rejects.toThrow(
      `The folder is in use by process ${child.pid}. Stop it, or use another folder.`,
    );
    expect(readdirSync(folder)).toHaveLength(1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(folder)).toHaveLength(1);
    const lock = await take();
    expect(JSON.parse(readFileSync(lock.file, 'utf8').split('\n')[0]!).pid).toBe(process.pid);
    lock.release();
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is gone when its process ends by itself', async () => {
    const child = holder();
    expect(await firstLine(child)).toBe('held');
    child.stdin!.write('\n');
    await once(child, 'exit');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused to the process that holds it already', async () => {
    const lock = await take();
    await expect(take()).rejects.toThrow(`in use by process ${process.pid}`);
    lock.release();
  });

  it('that can be neither written nor read is named with the reason', async () => {
    await expect(acquireLock(join(folder, 'none'), 'The folder')).rejects.toThrow(/lock-.* cannot be written: ENOENT/);
  });
});

describe('the lock of a process that has ended', () => {
  it('is taken, also where another process has its number since', async () => {
    for (const fields of [{ pid: nobody }, { started: '1' }]) {
      putLock(fields);
      const lock = await take();
      expect(readdirSync(folder)).toHaveLength(1);
      lock.release();
    }
  });

  /** Takes the lock as someone who is not the super-user. */
  function takeAsAnother(): string {
    chmodSync(folder, 0o1777);
    const script = `
      const { acquireLock } = await import(${JSON.stringify(compiled)});
      const lock = await acquireLock(${JSON.stringify(folder)}, 'The folder').catch(({ message }) => message);
      console.log(lock.file ? 'held' : lock);`;
    return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      ...(isSuperUser ? { uid: 65534 } : {}),
    }).stdout;
  }

  it('is taken where the process that has its number since belongs to another user', () => {
    const path = putLock({ pid: 1, started: '1' });
    if (isSuperUser) chownSync(path, 65534, 65534);
    expect(takeAsAnother()).toBe('held\n');
  });

  it.runIf(isSuperUser)('and that cannot be removed is named', () => {
    const path = putLock({ pid: nobody });
    expect(takeAsAnother()).toContain(`The lock ${path} of an ended process cannot be removed: EPERM`);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it(
    'goes to exactly one of those that find it at the same time, in processes and threads, whatever their delays',
    async () => {
      const processes = Array.from({ length: 6 }, () => {
        const child = spawn(process.execPath, [fileURLToPath(new URL('lock-contender.mjs', import.meta.url))], {
          stdio: ['pipe', 'pipe', 'inherit'],
        });
        children.push(child);
        return { child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator]() };
      });
      for (let round = 1; round <= rounds; round++) {
        const contested = join(folder, String(round));
        mkdirSync(contested);
        writeFileSync(join(contested, `lock-${uuid}`), `${JSON.stringify({ ...ownIdentity(), pid: nobody })}\nholds\n`);
        for (const { child } of processes) child.stdin!.write(`${contested}\n`);
        const answers: string[] = [];
        for (const { lines } of processes)
          for (let thread = 0; thread < 2; thread++) answers.push((await lines.next()).value);
        expect(answers.filter((answer) => answer === 'held')).toHaveLength(1);
        for (const answer of answers) expect(answer).toMatch(/^held$|in use by process|being taken by another process/);
        expect(readdirSync(contested)).toHaveLength(1);
      }
    },
    30_000 + 5_000 * rounds,
  );

  it('goes to exactly one, in whichever order their steps come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 5 }), async (scheduler, contenders) => {
        putLock({ pid: nobody });
        const between = () => scheduler.schedule(Promise.resolve());
        const all = Promise.allSettled(
          Array.from({ length: contenders }, () => acquireLock(folder, 'The folder', { between })),
        );
        const held = (await scheduler.waitFor(all)).filter((result) => result.status === 'fulfilled');
        expect(held).toHaveLength(1);
        expect(held[0]!.value.isInPlace()).toBe(true);
        expect(readdirSync(folder)).toHaveLength(1);
        held[0]!.value.release();
      }),
      { numRuns: 100, seed: 231 },
    );
  });
});

describe('the lock of a process that cannot be seen from here', () => {
  const elsewhere = [{ host: 'elsewhere' }, { boot: 'another' }, { namespace: 'pid:[1]' }];

  it.each(elsewhere)('is respected while it gives signs of life: %j', async (fields) => {
    const path = putLock({ ...fields, pid: 7 });
    const beat = setInterval(() => utimesSync(path, new Date(), new Date()), 20);
    const told: string[] = [];
    await expect(acquireLock(folder, 'The folder', { waiting: (message) => told.push(message) })).rejects.toThrow(
      `The folder is in use by process 7 on ${fields.host ?? hostname()}, which cannot be seen from here. Stop it,`,
    );
    clearInterval(beat);
    expect(told).toEqual([
      `The folder has a lock of process 7 on ${fields.host ?? hostname()}, which cannot be seen from here: ` +
        'waiting up to 15 s for a sign of its life.',
    ]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it.each(elsewhere)('is taken when it has given none for a while: %j', async (fields) => {
    putLock({ ...fields, pid: process.pid });
    const lock = await acquireLock(folder, 'The folder', { patience: 300 });
    expect(readdirSync(folder)).toHaveLength(1);
    lock.release();
  });

  it.each(['', '{"pid":', 'nonsense\nholds\n', '{"pid":-1,"host":"x"}\nholds\n'])(
    'and whose text is torn counts likewise: %j',
    async (text) => {
      const path = join(folder, `lock-${uuid}`);
      writeFileSync(path, text);
      const beat = setInterval(() => utimesSync(path, new Date(), new Date()), 20);
      await expect(take()).rejects.toThrow(`in use by a process that ${path} does not name.`);
      clearInterval(beat);
      (await acquireLock(folder, 'The folder', { patience: 300 })).release();
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('gives signs of life by itself, however busy, so that one in another container is respected', async () => {
    const child = holder(
      canUnshare ? ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'] : [],
      withoutATurn,
    );
    expect(await firstLine(child)).toBe('held');
    const [name] = readdirSync(folder);
    const before = statSync(join(folder, name!)).mtimeMs;
    while (statSync(join(folder, name!)).mtimeMs === before) await setTimeout(50);
    await expect(take()).rejects.toThrow(
      canUnshare
        ? `in use by process 1 on ${hostname()}, which cannot be seen from here.`
        : `in use by process ${child.pid}.`,
    );
  });
});

describe('a lock of recap 0.1.0', () => {
  const put = (fields: object) =>
    writeFileSync(
      join(folder, 'lock'),
      JSON.stringify({ pid: process.pid, host: hostname(), started: null, ...fields }),
    );

  it('is respected while its process lives, and taken after', async () => {
    put({});
    await expect(take()).rejects.toThrow(`in use by process ${process.pid}. Stop it, or use another folder.`);
    for (const fields of [{ pid: nobody }, { started: 'another boot/1' }]) {
      put(fields);
      (await take()).release();
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('of another machine is left alone, since it gives no sign of life, and the message says how to remove it', async () => {
    put({ host: 'elsewhere', pid: 1 });
    await expect(take()).rejects.toThrow(
      `in use by process 1 on elsewhere, which cannot be seen from here. If it no longer runs there, delete ${folder}/lock.`,
    );
  });

  it.each(['', 'nonsense', '{"pid":-1,"host":"x"}', 'null'])('that holds %j is taken over', async (text) => {
    writeFileSync(join(folder, 'lock'), text);
    (await take()).release();
    expect(readdirSync(folder)).toEqual([]);
  });
});

it.each(['lock', `lock-${uuid}`])('something of the name %s that is no file is refused at once', async (name) => {
  const path = join(folder, name);
  mkdirSync(path);
  await expect(take()).rejects.toThrow(`The lock ${path} is a folder, which recap never makes. Remove it.`);
  rmSync(path, { recursive: true });
  spawnSync('mkfifo', [path]);
  await expect(take()).rejects.toThrow(`The lock ${path} is a pipe, which recap never makes. Remove it.`);
  expect(readdirSync(folder)).toEqual([name]);
});
