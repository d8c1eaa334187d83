/** The entry file of the HDF5 thread: answers the requests of hdf5-client.ts one after another. */
import fs from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { ready } from 'h5wasm/node';
import {
  describe,
  type Hdf5Entry,
  isCrash,
  OutOfMemoryError,
  type ReadRequest,
  read,
  type UnfitElement,
} from './hdf5-blocks.js';
import { NewHdf5File, type TableBlock } from './hdf5-writing.js';

export type ThreadRequest =
  | { readonly kind: 'describe'; readonly path: string; readonly names: readonly string[] }
  | ({ readonly kind: 'read' } & ReadRequest)
  /** Begins a new file, */
  | { readonly kind: 'create'; readonly path: string }
  /** adds rows to it, */
  | { readonly kind: 'append'; readonly name: string; readonly shape: readonly number[]; readonly block: TableBlock }
  /** and ends it. */
  | { readonly kind: 'finish' };

export type ThreadReply =
  | { readonly kind: 'started' }
  | { readonly kind: 'progress'; readonly elements: number }
  | { readonly kind: 'described'; readonly entries: readonly Hdf5Entry[] }
  | { readonly kind: 'read'; readonly unfit: UnfitElement | null }
  | { readonly kind: 'written' }
  | { readonly kind: 'failed'; readonly failure: 'refused' | 'outOfMemory'; readonly reason: string };

// The library writes its diagnostics straight to file descriptor 2. This thread has a `node:fs` of its own.
const writeSync = fs.writeSync;
fs.writeSync = ((file: number, bytes: Uint8Array, offset: number, length: number, position: number | null) =>
  file > 2 ? writeSync(file, bytes, offset, length, position) : length) as typeof fs.writeSync;

const port = parentPort!;
const reply = (message: ThreadReply) => port.postMessage(message);

/** The file that is being written. */
let newFile: NewHdf5File | null = null;

async function answer(request: ThreadRequest): Promise<ThreadReply> {
  switch (request.kind) {
    case 'describe':
      return { kind: 'described', entries: await describe(request.path, request.names) };
    case 'read':
      return { kind: 'read', unfit: await read(request, (elements) => reply({ kind: 'progress', elements })) };
    case 'create':
      newFile = new NewHdf5File(request.path);
      return { kind: 'written' };
    case 'append':
      newFile!.append(request.name, request.shape, request.block);
      return { kind: 'written' };
    case 'finish':
      newFile!.close();
      return { kind: 'written' };
  }
}

// Without memory for the library, this ends the thread before it has started.
await ready;
reply({ kind: 'started' });

port.on('message', async (request: ThreadRequest) => {
  try {
    reply(await answer(request));
  } catch (error) {
    if (isCrash(error)) throw error;
    const failure = error instanceof OutOfMemoryError ? 'outOfMemory' : 'refused';
    reply({ kind: 'failed', failure, reason: (error as Error).message });
  }
});
