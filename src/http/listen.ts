/** Where a server listens. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UserError } from '../errors.js';

/**
 * @param port 0 for any that is free
 * @returns the address of the server's page
 * @throws UserError when it cannot be listened there
 */
export async function listen(server: Server, host: string, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code }: NodeJS.ErrnoException) => {
      const why = code === 'EADDRINUSE' ? 'another program listens there' : `it cannot be listened at (${code})`;
      reject(new UserError(`${host} port ${port}: ${why}. Choose by --host and --port.`));
    });
    server.listen(port, host, resolve);
  });
  const { address, family, port: own } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${own}/`;
}

/** Ends it, whoever is connected. */
export function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
