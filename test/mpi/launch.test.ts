import { describe, expect, it } from 'vitest';
import { launchOf } from '../../src/mpi/launch.js';

describe('a launcher of MPI', () => {
  it.each([
    [{ OMPI_COMM_WORLD_SIZE: '4' }, { implementation: 'Open MPI', size: 4, variable: 'OMPI_COMM_WORLD_SIZE' }],
    [{ PMI_SIZE: '2' }, { implementation: 'MPICH', size: 2, variable: 'PMI_SIZE' }],
    [
      { SLURM_STEP_NUM_TASKS: '8', PMIX_RANK: '3' },
      { implementation: null, size: 8, variable: 'SLURM_STEP_NUM_TASKS' },
    ],
    [
      { SLURM_STEP_NUM_TASKS: '8', PMI_RANK: '0' },
      { implementation: 'MPICH', size: 8, variable: 'SLURM_STEP_NUM_TASKS' },
    ],
  ])('is known by what it tells its processes: %o', (environment, expected) => {
    expect(launchOf(environment)).toEqual(expected);
  });

  it.each([
    {},
    { OMPI_COMM_WORLD_SIZE: '1' },
    { PMI_SIZE: 'many' },
    // A step of a Slurm job that is not for MPI, such as the batch script itself.
    { SLURM_STEP_NUM_TASKS: '8' },
  ])('is not there for a process that is alone: %o', (environment) => {
    expect(launchOf(environment)).toBeNull();
  });
});
