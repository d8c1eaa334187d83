/** Which requests come from the page itself, or from a program, and not from a page of somebody else's. */
import { isIP } from 'node:net';

/**
 * Why a request is refused, or null. A foreign page that asks gives its own Origin; one that makes its own name stand for
 * this machine's address (DNS rebinding) gives a Host that is a name.
 *
 * @param names what may stand in Host beside `localhost` and bare addresses
 */
export function foreignness(
  host: string | undefined,
  origin: string | undefined,
  names: readonly string[],
): string | null {
  const name = hostName(host);
  if (name === null) return 'The request names no host.';
  if (name !== 'localhost' && !names.includes(name) && isIP(name) === 0) {
    return 'The request names another host than this one. Use its address, or localhost.';
  }
  if (origin === undefined || origin.toLowerCase() === `http://${host!.toLowerCase()}`) return null;
  return 'The request comes from a page of another origin.';
}

/** Without its port and, of an IPv6 address, its brackets; null for what is none. */
function hostName(host: string | undefined): string | null {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d+)?$/i.exec(host ?? '');
  return (parts?.[1] ?? parts?.[2])?.toLowerCase() ?? null;
}
