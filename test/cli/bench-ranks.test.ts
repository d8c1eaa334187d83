/** `recap bench` in several processes. */
import { expect, it } from 'vitest';
import { Job, launchers } from '../e2e/jobs.js';
import { describeWith } from '../support/requirements.js';

describeWith({ command: launchers['Open MPI'] }, 'recap bench on several ranks', () => {
  const shape = ['bench', '--shape', 'coco', '--batch', '8', '--steps', '1', '--set', 'model.hiddenDim=8', '--quiet'];

  const onTwo = (words: readonly string[]) => new Job('Open MPI', { ranks: 2, words }).ended;

  it('measures a step of all of them on the same random captions, for each number of workers', async () => {
    const { status, stdout, stderr } = await onTwo([...shape, '--workers', '1,2', '--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { communicationMs: number });
    expect(records).toMatchObject([
      { ranks: 2, workers: 2, shards: 2 },
      { ranks: 2, workers: 4, shards: 2 },
    ]);
    for (const { communicationMs } of records) expect(communicationMs).toBeGreaterThan(0);
  });

  it('refuses a search, which would be of one process', async () => {
    const { status, stderr } = await onTwo([...shape, '--workers', 'auto']);
    expect(status).toBe(2);
    expect(stderr).toContain('--workers auto searches in one process, but there are 2 ranks.');
  });
});
