/** Options of the commands that listen for browsers and programs. */
import { isIP } from 'node:net';
import { UserError } from '../errors.js';
import type { Screen } from '../report/screen.js';

export function listeningOptions(port: number) {
  return {
    host: {
      type: 'string',
      requiresArg: true,
      default: '127.0.0.1',
      describe: 'Address to listen at; any but this one lets others in',
    },
    port: { type: 'number', requiresArg: true, default: port, describe: 'Port; 0 for any that is free' },
  } as const;
}

/** @throws UserError */
export function portNumber(port: number): number {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new UserError(`--port: found ${port}, expected a whole number from 0 to 65535.`);
}

/** @param whatTravels such as "photos travel" */
export function warnOfOthers(host: string, whatTravels: string, screen: Screen): void {
  if (isLoopback(host)) return;
  screen.warning(
    `everyone who can reach this machine at ${host} can use this server: it asks for no password, and ` +
      `${whatTravels} unencrypted. Ctrl-C ends it.`,
  );
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
