import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { isFree, NewFolder } from '../../src/files/new-folder.js';

const base = mkdtempSync(join(tmpdir(), 'recap-new-folder-'));
afterAll(() => rmSync(base, { recursive: true }));

describe('A new folder', () => {
  let parent: string;
  let path: string;
  beforeEach(() => {
    parent = mkdtempSync(join(base, 'x-'));
    path = join(parent, 'above', 'folder');
  });

  it('appears under its name with all that was written', () => {
    const folder = new NewFolder(path);
    writeFileSync(join(folder.temporary, 'file'), 'x');
    expect(existsSync(path)).toBe(false);
    folder.commit();
    expect(readdirSync(join(parent, 'above'))).toEqual(['folder']);
    expect(readdirSync(path)).toEqual(['file']);
  });

  it('takes the place of an empty folder, and of no other', () => {
    mkdirSync(path, { recursive: true });
    expect(isFree(path)).toBe(true);
    const [first, second] = [new NewFolder(path), new NewFolder(path)];
    writeFileSync(join(first.temporary, 'file'), 'x');
    first.commit();
    expect(isFree(path)).toBe(false);
    expect(() => second.commit()).toThrow('ENOTEMPTY');
    second.abandon();
    expect(readdirSync(join(parent, 'above'))).toEqual(['folder']);
  });

  it('leaves nothing when it is abandoned, not even folders made for it', () => {
    const folder = new NewFolder(path);
    writeFileSync(join(folder.temporary, 'file'), 'x');
    folder.abandon();
    expect(readdirSync(parent)).toEqual([]);
  });

  it('leaves nothing when the process exits before', () => {
    const script = `
      const { NewFolder } = await import(${JSON.stringify(new URL('../../dist/src/files/new-folder.js', import.meta.url))});
      new NewFolder(${JSON.stringify(path)});
      console.log((await import('node:fs')).readdirSync(${JSON.stringify(join(parent, 'above'))}).length);
      process.exit(3);`;
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect({ status, stdout, left: readdirSync(parent) }).toEqual({ status: 3, stdout: '1\n', left: [] });
  });
});
