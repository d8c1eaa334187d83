/** Bodies of requests, of bounded size. */
import type { IncomingMessage } from 'node:http';

/** @returns null where it has more bytes than `most`; the rest of it is not kept */
export async function readBody(request: IncomingMessage, most: number): Promise<Buffer | null> {
  if (Number(request.headers['content-length'] ?? 0) > most) return null;
  const parts: Buffer[] = [];
  let size = 0;
  // `for await` would end the connection on leaving, and with it the answer.
  return await new Promise((resolve, reject) => {
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size <= most) parts.push(part);
      else {
        parts.length = 0;
        resolve(null);
      }
    });
    request.on('end', () => resolve(Buffer.concat(parts)));
    request.on('error', reject);
  });
}
