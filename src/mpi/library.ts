/** The system's MPI library, called through koffi: where it is, and how its handles and constants look. */
import { UserError } from '../errors.js';
import { koffi, type LibraryHandle } from '../foreign/koffi.js';
import type { Implementation, Launch } from './launch.js';

/** Handles are pointers to objects of the library in Open MPI, and numbers fixed by the ABI in MPICH and its relatives. */
export interface Handles {
  readonly world: Handle;
  readonly byte: Handle;
  readonly float: Handle;
  readonly double: Handle;
}

type Handle = number | bigint;
/** A byte address. */
type Address = number;

/** Functions of MPI 3, each of which returns an error code. Their errors end the job, as is MPI's default. */
export interface MpiLibrary {
  readonly implementation: Implementation;
  readonly path: string;
  readonly handles: Handles;
  /** In place of a buffer that a process would send to itself. */
  readonly inPlace: Address;
  /** In place of room for a status. */
  readonly statusIgnored: Address;
  initThread(argc: Address, argv: Address, required: number, provided: Address): number;
  finalize(): number;
  abort(communicator: Handle, code: number): number;
  rank(communicator: Handle, rank: Address): number;
  size(communicator: Handle, size: Address): number;
  test(request: Address, flag: Address, status: Address): number;
  cancel(request: Address): number;
  wait(request: Address, status: Address): number;
  send(at: Address, count: number, type: Handle, to: number, tag: number, comm: Handle, request: Address): number;
  receive(at: Address, count: number, type: Handle, from: number, tag: number, comm: Handle, request: Address): number;
  broadcast(at: Address, count: number, type: Handle, root: number, comm: Handle, request: Address): number;
  allToAll(
    from: Address,
    sendCounts: Address,
    sendPlaces: Address,
    sendType: Handle,
    to: Address,
    receiveCounts: Address,
    receivePlaces: Address,
    receiveType: Handle,
    comm: Handle,
    request: Address,
  ): number;
  allGather(
    from: Address,
    count: number,
    sendType: Handle,
    to: Address,
    counts: Address,
    places: Address,
    receiveType: Handle,
    comm: Handle,
    request: Address,
  ): number;
}

/** Names by which the system's loader finds them. */
const names: Readonly<Record<Implementation, readonly string[]>> = {
  'Open MPI': ['libmpi.so.40', 'libmpi.so.80', 'libmpi.40.dylib', '/opt/homebrew/lib/libmpi.40.dylib'],
  MPICH: ['libmpich.so.12', 'libmpi.so.12', 'libmpi.12.dylib', '/opt/homebrew/lib/libmpi.12.dylib'],
};

/** Names a library that is not where the loader looks. */
export const libraryVariable = 'RECAP_MPI_LIBRARY';

/** @throws UserError when there is none */
export function openMpi({ implementation, size, variable }: Launch): MpiLibrary {
  const own = process.env[libraryVariable];
  const order: Implementation[] = implementation === 'MPICH' ? ['MPICH', 'Open MPI'] : ['Open MPI', 'MPICH'];
  const candidates = own ? [own] : order.flatMap((each) => names[each]);
  const faults: string[] = [];
  for (const path of candidates) {
    try {
      // Open MPI's plug-ins look for its symbols among those of the whole process.
      return bind(koffi().load(path, { global: true }), path);
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  throw new UserError(
    `An MPI launcher started this process as one of ${size} (${variable}), but no MPI library can be loaded ` +
      `(${own ? faults.join('; ') : `looked for ${candidates.join(', ')}`}). Install the launcher's library, such as ` +
      `libopenmpi3 on Debian, name its file in ${libraryVariable}, or start recap without the launcher.`,
  );
}

/** @throws Error where a function is missing */
function bind(library: LibraryHandle, path: string): MpiLibrary {
  const open = openMpiHandles(library);
  const handle = open ? 'int64_t' : 'int';
  const at = 'int64_t';
  const bound = (name: string, ...parameters: string[]) => library.func(name, 'int', parameters);
  return {
    implementation: open ? 'Open MPI' : 'MPICH',
    path,
    handles: open ?? mpichHandles,
    inPlace: open ? 1 : -1,
    statusIgnored: open ? 0 : 1,
    initThread: bound('MPI_Init_thread', at, at, 'int', at),
    finalize: bound('MPI_Finalize'),
    abort: bound('MPI_Abort', handle, 'int'),
    rank: bound('MPI_Comm_rank', handle, at),
    size: bound('MPI_Comm_size', handle, at),
    test: bound('MPI_Test', at, at, at),
    cancel: bound('MPI_Cancel', at),
    wait: bound('MPI_Wait', at, at),
    send: bound('MPI_Isend', at, 'int', handle, 'int', 'int', handle, at),
    receive: bound('MPI_Irecv', at, 'int', handle, 'int', 'int', handle, at),
    broadcast: bound('MPI_Ibcast', at, 'int', handle, 'int', handle, at),
    allToAll: bound('MPI_Ialltoallv', at, at, at, handle, at, at, at, handle, handle, at),
    allGather: bound('MPI_Iallgatherv', at, 'int', handle, at, at, at, handle, handle, at),
  };
}

function openMpiHandles(library: LibraryHandle): Handles | null {
  const object = (name: string) => koffi().address(library.symbol(name, 'void *'));
  try {
    return {
      world: object('ompi_mpi_comm_world'),
      byte: object('ompi_mpi_byte'),
      float: object('ompi_mpi_float'),
      double: object('ompi_mpi_double'),
    };
  } catch {
    return null;
  }
}

/** As in mpi.h of MPICH, whose relatives share its ABI (https://www.mpich.org/abi/). */
const mpichHandles: Handles = {
  world: 0x44000000,
  byte: 0x4c00010d,
  float: 0x4c00040a,
  double: 0x4c00080b,
};
