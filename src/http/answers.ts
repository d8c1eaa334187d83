/** What every server of recap answers alike. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { foreignness } from './origin.js';

/** What is answered in place of what was asked for. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

const everywhere = {
  'Cache-Control': 'no-store',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** To be called first: sets the headers of all answers. Those who are gone are told nothing. */
export function beginAnswer(request: IncomingMessage, response: ServerResponse): void {
  request.on('error', () => {});
  response.on('error', () => {});
  for (const [name, value] of Object.entries(everywhere)) response.setHeader(name, value);
}

/**
 * @param host at which the server listens
 * @throws Refusal of a request that comes from somebody else's page
 */
export function refuseForeign({ headers }: IncomingMessage, host: string): void {
  const foreign = foreignness(headers.host, headers.origin, [host.toLowerCase()]);
  if (foreign !== null) throw new Refusal(403, foreign);
}

/** @throws Refusal of a method that the path does not take */
export function refuseMethod({ method }: IncomingMessage, pathname: string, allowed: string): void {
  if (!allowed.split(', ').includes(method!)) {
    throw new Refusal(405, `${pathname} takes ${allowed}.`, { Allow: allowed });
  }
}

/** Of whatever stands in a request line. */
export function wantedBy({ url = '' }: IncomingMessage): URL {
  const here = 'http://localhost';
  return URL.canParse(url, here) ? new URL(url, here) : new URL('/unreadable', here);
}

export function sendRefusal(response: ServerResponse, { status, message, headers }: Refusal): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  sendJson(response, status, { error: message });
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json', JSON.stringify(value));
}

export function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
