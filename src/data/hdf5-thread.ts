/** The entry file of the HDF5 thread: answers the requests of hdf5.ts one after another. */
import { parentPort } from 'node:worker_threads';
import { describe, type Hdf5Entry, type ReadRequest, read, type UnfitElement } from './hdf5-blocks.js';

export type ThreadRequest =
  | { readonly kind: 'describe'; readonly path: string; readonly names: readonly string[] }
  | ({ readonly kind: 'read' } & ReadRequest);

export type ThreadReply =
  | { readonly kind: 'progress' }
  | { readonly kind: 'described'; readonly entries: readonly Hdf5Entry[] }
  | { readonly kind: 'read'; readonly unfit: UnfitElement | null }
  | { readonly kind: 'failed'; readonly reason: string };

const port = parentPort!;
const reply = (message: ThreadReply) => port.postMessage(message);

port.on('message', async (request: ThreadRequest) => {
  try {
    if (request.kind === 'describe') {
      reply({ kind: 'described', entries: await describe(request.path, request.names) });
    } else {
      const unfit = await read(request, () => reply({ kind: 'progress' }));
      reply({ kind: 'read', unfit });
    }
  } catch (error) {
    reply({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
  }
});
