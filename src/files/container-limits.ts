/** What a container or a control group leaves this process of the machine: Node 20 itself sees all processors. */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

/** Threads that can compute at the same time. */
export function usableThreads(): number {
  const share = processorShare('/sys/fs/cgroup', readOrEmpty('/proc/self/cgroup'));
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(share)));
}

/** The processors that this process is bound to, such as "0-7", as Linux lists them; '' elsewhere. */
export function processorList(): string {
  return /^Cpus_allowed_list:\s*(.*)$/m.exec(readOrEmpty('/proc/self/status'))?.[1] ?? '';
}

/** Bytes of memory. */
export function usableMemory(): number {
  // 0, or more than there is, where nothing limits it.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * Processors that the quota of this process's control group, and of those around it, stands for; infinite without one.
 *
 * @param root where control groups are mounted
 * @param membership what /proc/self/cgroup says, `ID:CONTROLLERS:PATH` a line
 */
export function processorShare(root: string, membership: string): number {
  let share = Number.POSITIVE_INFINITY;
  for (const line of membership.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (controllers === '') share = Math.min(share, leastOnTheWay(root, path, quotaOfVersion2));
    else if (controllers!.split(',').includes('cpu')) {
      share = Math.min(share, leastOnTheWay(join(root, 'cpu'), path, quotaOfVersion1));
    }
  }
  return share;
}

/** In a container the path may be one of the host, which is not there; the mounted root is then the group itself. */
function leastOnTheWay(root: string, path: string, quota: (folder: string) => number): number {
  let least = quota(root);
  for (let at = path; at !== '/'; at = dirname(at)) least = Math.min(least, quota(join(root, at)));
  return least;
}

function quotaOfVersion2(folder: string): number {
  const [, quota, period] = /^(\d+) (\d+)/.exec(readOrEmpty(join(folder, 'cpu.max'))) ?? [];
  return shareOf(quota, period);
}

function quotaOfVersion1(folder: string): number {
  return shareOf(readOrEmpty(join(folder, 'cpu.cfs_quota_us')), readOrEmpty(join(folder, 'cpu.cfs_period_us')));
}

function shareOf(quota: string | undefined, period: string | undefined): number {
  const share = Number.parseInt(quota ?? '', 10) / Number.parseInt(period ?? '', 10);
  return share > 0 ? share : Number.POSITIVE_INFINITY;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
