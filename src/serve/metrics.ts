/** What the server counts, in the text format of Prometheus. */

/** Upper ends, in seconds. */
const buckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class ServerMetrics {
  private readonly requests = new Map<number, number>();
  private readonly within = buckets.map(() => 0);
  private captioned = 0;
  private seconds = 0;

  /** Counts an answer to a photo. */
  answered(status: number): void {
    this.requests.set(status, (this.requests.get(status) ?? 0) + 1);
  }

  /** @param seconds from the end of the upload to the captions */
  took(seconds: number): void {
    this.captioned++;
    this.seconds += seconds;
    buckets.forEach((most, i) => {
      if (seconds <= most) this.within[i]!++;
    });
  }

  /** @param queue photos under way and waiting */
  text(queue: number, residentBytes: number): string {
    const statuses = [...this.requests].sort(([a], [b]) => a - b);
    return [
      '# HELP recap_requests_total Answers to photos, by HTTP status.',
      '# TYPE recap_requests_total counter',
      ...statuses.map(([status, count]) => `recap_requests_total{status="${status}"} ${count}`),
      '# HELP recap_caption_seconds From the end of an upload to its captions.',
      '# TYPE recap_caption_seconds histogram',
      ...buckets.map((most, i) => `recap_caption_seconds_bucket{le="${most}"} ${this.within[i]}`),
      `recap_caption_seconds_bucket{le="+Inf"} ${this.captioned}`,
      `recap_caption_seconds_sum ${this.seconds}`,
      `recap_caption_seconds_count ${this.captioned}`,
      '# HELP recap_queue_length Photos under way and waiting.',
      '# TYPE recap_queue_length gauge',
      `recap_queue_length ${queue}`,
      '# HELP process_resident_memory_bytes Memory of the process.',
      '# TYPE process_resident_memory_bytes gauge',
      `process_resident_memory_bytes ${residentBytes}`,
      '',
    ].join('\n');
  }
}
