/** JSON Lines: `{"image": "…", "caption": "…", "split": "train"}` a line, the split if wanted. */
import { UserError } from '../../errors.js';
import { quote } from '../quote.js';
import type { CaptionFormat, CaptionSink } from './caption-entry.js';
import { fieldsOf } from './json-entries.js';
import { splitNamed } from './split-words.js';
import { linePlace, readLines, type TextSource } from './text-source.js';

export const jsonLines: CaptionFormat = { name: 'JSON Lines', place: linePlace, read };

async function read(file: TextSource, sink: CaptionSink): Promise<void> {
  await readLines(file, (line, at) => {
    if (line.trim() === '') return;
    const where = linePlace(file.path, at);
    const entry = parse(line, where);
    const { image, caption, split: word } = fieldsOf(entry);
    if (typeof image !== 'string' || typeof caption !== 'string') {
      throw new UserError(`${where}: ${quote(entry)}, where {"image": "…", "caption": "…"} is expected.`);
    }
    sink.caption({ image, caption, split: word == null ? null : splitNamed(word, where, sink), at });
  });
}

function parse(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new UserError(`${where}: ${quote(line)}, where a JSON object is expected, {"image": "…", "caption": "…"}.`);
  }
}
