import { closeSync, fstatSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AtomicFile, syncFolder } from '../../src/files/atomic-file.js';

it('a file that fails after it was closed does not close the file that has its number since', () => {
  const folder = mkdtempSync(join(tmpdir(), 'recap-atomic-'));
  let other = -1;
  const file = new AtomicFile(join(folder, 'a'));
  file.append(new Uint8Array(9));
  const fail = () => {
    other = openSync(join(folder, 'other'), 'w');
    throw new Error('the rename is not reached');
  };
  expect(() => file.commit(fail)).toThrow('the rename is not reached');
  file.abandon();
  expect(fstatSync(other).size).toBe(0);
  closeSync(other);
  expect(readdirSync(folder)).toEqual(['other']);
  rmSync(folder, { recursive: true });
});

it('a file system that cannot flush a folder is none the worse for it', () => {
  // Those of the system itself have no such call; any other fault is thrown.
  if (process.platform === 'linux') syncFolder('/proc/self');
  expect(() => syncFolder('/proc/self/none')).toThrow('ENOENT');
});
