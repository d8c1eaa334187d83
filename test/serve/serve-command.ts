/** `recap serve` or another server as a program of its own, and its clients. */
import { Train } from '../e2e/processes.js';

export interface Serving {
  readonly url: string;
  readonly process: Train;
}

export async function startServing(words: readonly string[], command = 'serve'): Promise<Serving> {
  const process = new Train(['--port', '0', ...words], {}, command);
  const listening = /^Listening at (\S+)\n/m;
  if (await process.until(({ stdout }) => listening.test(stdout))) {
    return { url: listening.exec(process.stdout)![1]!, process };
  }
  throw new Error(`recap ${command} has ended: ${process.stderr}`);
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown> & { readonly error?: string };
}

export async function upload(
  url: string,
  body: BodyInit,
  headers: Record<string, string> = {},
  path = 'caption',
): Promise<Answer> {
  const sent = { 'Content-Type': 'image/png', ...headers };
  const response = await fetch(url + path, { method: 'POST', headers: sent, body });
  return { status: response.status, headers: response.headers, json: (await response.json()) as Answer['json'] };
}
