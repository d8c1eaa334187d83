/** How a command runs in the several processes that an MPI launcher starts: the first does what it would do alone. */
import { hostname } from 'node:os';
import type { Config } from '../config/schema.js';
import { processorList, usableThreads } from '../files/container-limits.js';
import type { Communicator } from '../mpi/communicator.js';
import { launchOf } from '../mpi/launch.js';
import { failureOf, type Hello } from '../training/parallel/commands.js';
import type { Ranks } from '../training/parallel/ranks.js';
import { version } from '../version.js';
import { reportError } from './errors.js';

/**
 * Runs `act` in the first process, with all others at its disposal; they do what it commands and print nothing. A
 * process that no launcher has started runs it alone.
 *
 * @param configOf what the command line says, in which all processes must agree; null where it names no config
 * @param refused told why `act` was not even begun
 * @throws UserError or TrainingError of `act` where it runs alone; one of several processes ends instead
 */
export async function withRanks(
  configOf: () => Config | null,
  act: (ranks: Ranks | undefined) => Promise<void>,
  refused: (error: unknown) => void = () => {},
): Promise<void> {
  const launch = launchOf();
  if (launch === null) return act(undefined);
  // Loaded where it is needed: alone, nothing of MPI is.
  const { Communicator } = await import('../mpi/communicator.js');
  const communicator = Communicator.open(launch);
  communicator.onLost = (error) => communicator.abort(reportError(error));
  const hello = helloOf(configOf);
  if (communicator.rank === 0) await lead(communicator, hello, act, refused);
  else await obey(communicator, hello);
}

/** What fails is said before the others are dismissed, which may take its time. */
async function lead(
  communicator: Communicator,
  hello: Hello,
  act: (ranks: Ranks) => Promise<void>,
  refused: (error: unknown) => void,
): Promise<void> {
  const { Ranks } = await import('../training/parallel/ranks.js');
  const ranks = new Ranks(communicator);
  let code: number | null = null;
  try {
    await ranks.gather(hello).catch((error: unknown) => {
      refused(error);
      throw error;
    });
    await act(ranks);
  } catch (error) {
    code = reportError(error);
  }
  try {
    await ranks.end();
  } catch (error) {
    communicator.abort(code ?? reportError(error));
  }
  if (code !== null) process.exit(code);
}

/** Signals reach all processes; the first one decides what comes of them. */
async function obey(communicator: Communicator, hello: Hello): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  const { takePart } = await import('../training/loop/rank.js');
  try {
    await takePart(communicator, hello);
  } catch (error) {
    communicator.abort(reportError(error));
  }
  communicator.close();
  // A worker that hangs would keep it.
  process.exit(0);
}

function helloOf(configOf: () => Config | null): Hello {
  const [threads, processors] = [usableThreads(), processorList()];
  const about = { host: hostname(), pid: process.pid, recapVersion: version, threads, processors };
  try {
    return { ...about, config: configOf(), failure: null };
  } catch (error) {
    return { ...about, config: null, failure: failureOf(error) };
  }
}
