/** Decoding in turns, so that memory stays bounded however many photos are asked for. */

let running = 0;
const waiting: (() => void)[] = [];

/** At most `count` tasks at a time. */
export async function atMost<Result>(count: number, task: () => Promise<Result>): Promise<Result> {
  if (running >= count) await new Promise<void>((start) => waiting.push(start));
  else running++;
  try {
    return await task();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

let last: Promise<unknown> = Promise.resolve();

/** One after another, so that memory holds one large image. */
export async function alone<Result>(task: () => Promise<Result>): Promise<Result> {
  const before = last;
  const result = before.then(task);
  last = result.catch(() => {});
  return await result;
}
