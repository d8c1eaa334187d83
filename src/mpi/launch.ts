/** Whether this process was started by an MPI launcher as one of several. */

/** Implementations whose programs do not fit each other's launchers. */
export type Implementation = 'Open MPI' | 'MPICH';

export interface Launch {
  /** As far as the environment tells. */
  readonly implementation: Implementation | null;
  /** Processes that the launcher says there are. */
  readonly size: number;
  /** The variable that says so. */
  readonly variable: string;
}

/** Where each launcher tells its processes how many they are. Intel MPI's and MVAPICH's are MPICH's kind. */
const variables: readonly [variable: string, implementation: Implementation | null, beside: string | null][] = [
  ['OMPI_COMM_WORLD_SIZE', 'Open MPI', null],
  ['PMI_SIZE', 'MPICH', null],
  // Slurm's srun: the size of the step is there for every program, the rank only where MPI is wanted.
  ['SLURM_STEP_NUM_TASKS', null, 'PMIX_RANK'],
  ['SLURM_STEP_NUM_TASKS', 'MPICH', 'PMI_RANK'],
];

/** How it was started; null where it is alone. */
export function launchOf(environment: NodeJS.ProcessEnv = process.env): Launch | null {
  for (const [variable, implementation, beside] of variables) {
    if (beside !== null && environment[beside] === undefined) continue;
    const size = Number(environment[variable]);
    if (Number.isInteger(size) && size > 1) return { implementation, size, variable };
  }
  return null;
}
