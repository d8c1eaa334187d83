import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processorShare, usableMemory, usableThreads } from '../../src/files/container-limits.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'recap-cgroup-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(root, folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, folder, name), text);
}

describe('The share of the processors', () => {
  it('is the quota of version 2, in a container whose root is the group', () => {
    write('.', { 'cpu.max': '200000 100000\n' });
    expect(processorShare(root, '0::/\n')).toBe(2);
    expect(processorShare(root, '0::/docker/0123/that/is/not/here\n')).toBe(2);
  });

  it('is the least one on the way to the group', () => {
    write('user', { 'cpu.max': '150000 100000\n' });
    write('user/session', { 'cpu.max': 'max 100000\n' });
    expect(processorShare(root, '0::/user/session\n')).toBe(1.5);
  });

  it('is the quota of version 1', () => {
    write('cpu/docker', { 'cpu.cfs_quota_us': '50000\n', 'cpu.cfs_period_us': '100000\n' });
    expect(processorShare(root, '4:cpu,cpuacct:/docker\n2:memory:/docker\n')).toBe(0.5);
  });

  it('is without bound where no quota is set', () => {
    write('cpu', { 'cpu.cfs_quota_us': '-1\n', 'cpu.cfs_period_us': '100000\n' });
    write('.', { 'cpu.max': 'max 100000\n' });
    expect(processorShare(root, '1:cpu:/\n0::/\n')).toBe(Number.POSITIVE_INFINITY);
    expect(processorShare(root, '')).toBe(Number.POSITIVE_INFINITY);
  });

  it('leaves at least one thread, and no more than the machine has', () => {
    expect(usableThreads()).toBeGreaterThanOrEqual(1);
    expect(usableThreads()).toBeLessThanOrEqual(availableParallelism());
    expect(usableMemory()).toBeLessThanOrEqual(totalmem());
  });
});
