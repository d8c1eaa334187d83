/** metrics.jsonl: one JSON object a line, in the order of events. The records are described in docs/formats.md. */
import { AppendingFile, type AppendingFileOptions } from '../../files/appending-file.js';

/** The checkpoint writer flushes the log to the disk before a checkpoint appears. */
export class MetricsLog {
  private readonly file: AppendingFile;

  constructor(path: string, options: Pick<AppendingFileOptions, 'warn' | 'mayWrite'>) {
    this.file = new AppendingFile(path, { ...options, records: 'lines' });
  }

  /** Numbers keep every digit; what JSON has no number for (NaN, infinities) becomes null. */
  append(record: object): void {
    this.file.append(Buffer.from(`${JSON.stringify(record)}\n`));
  }

  /** Hands all lines to the system; to be called before a checkpoint is saved. Never throws. */
  write(): void {
    this.file.write();
  }

  close(): void {
    this.file.close();
  }
}
