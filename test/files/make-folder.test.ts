import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeFolder } from '../../src/files/make-folder.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-make-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('a folder is made with those above it, and what was made is told', () => {
  const [a, b] = [join(folder, 'a'), join(folder, 'a', 'b')];
  expect(makeFolder(b)).toEqual([a, b]);
  expect(makeFolder(b)).toEqual([]);
  expect(makeFolder(join(folder, 'a', '..', 'a', 'c'))).toHaveLength(1);
});

it('a folder that cannot be made ends in the system’s words, and nothing is left of those above it', () => {
  const long = join(folder, 'a', 'b', 'x'.repeat(300));
  expect(() => makeFolder(long)).toThrow('ENAMETOOLONG');
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(join(folder, 'file'), '');
  expect(() => makeFolder(join(folder, 'file', 'a'))).toThrow('ENOTDIR');
  expect(() => makeFolder(join(folder, 'file'))).toThrow('EEXIST');
  symlinkSync(join(folder, 'none'), join(folder, 'link'));
  expect(() => makeFolder(join(folder, 'link', 'a'))).toThrow('EEXIST');
  mkdirSync(join(folder, 'none'));
  expect(makeFolder(join(folder, 'link', 'a'))).toHaveLength(1);
});

it.runIf(existsSync('/proc/self'))('a folder in /proc, where Node would try for ever, is refused', () => {
  expect(() => makeFolder('/proc/recap')).toThrow('ENOENT');
  expect(() => makeFolder('/proc/self/a/b')).toThrow('ENOENT');
});
