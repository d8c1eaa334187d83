/** How often a client may ask: a bucket of tokens each, which fills up again evenly. */

interface Bucket {
  tokens: number;
  /** Seconds. */
  at: number;
}

/** Clients that are remembered. */
const mostClients = 10_000;

export class RequestRate {
  private readonly buckets = new Map<string, Bucket>();

  /** @param perMinute of one client; as many at once after a minute without any */
  constructor(private readonly perMinute: number) {}

  /**
   * Counts a request.
   *
   * @param now seconds on any clock that is never set back
   * @returns seconds to wait where it is one too many, else 0
   */
  take(client: string, now: number): number {
    const perSecond = this.perMinute / 60;
    const { tokens, at } = this.buckets.get(client) ?? { tokens: this.perMinute, at: now };
    const filled = Math.min(this.perMinute, tokens + (now - at) * perSecond);
    // The client that has asked last is the last to be forgotten.
    this.buckets.delete(client);
    if (this.buckets.size >= mostClients) this.buckets.delete(this.buckets.keys().next().value!);
    const isAllowed = filled >= 1;
    this.buckets.set(client, { tokens: isAllowed ? filled - 1 : filled, at: now });
    return isAllowed ? 0 : (1 - filled) / perSecond;
  }
}
