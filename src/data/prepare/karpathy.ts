/**
 * Karpathy's `dataset_{coco,flickr8k,flickr30k}.json`:
 * `{"images": [{"filepath", "filename", "split", "sentences": [{"raw", "tokens"}, …]}, …]}`.
 */
import { UserError } from '../../errors.js';
import { quote } from '../quote.js';
import type { CaptionFormat, CaptionSink } from './caption-entry.js';
import { fieldsOf, readEntries } from './json-entries.js';
import { splitNamed } from './split-words.js';
import type { TextSource } from './text-source.js';

const place = (path: string, at: number) => `${path}: images, entry ${at}`;

export const karpathy: CaptionFormat = { name: "Karpathy's splits", place, read };

async function read(file: TextSource, sink: CaptionSink): Promise<void> {
  const seen = new Set<string>();
  await readEntries(file, {
    images: (entry, at) => {
      const where = place(file.path, at);
      const { filepath: folder, filename: name, split: word, sentences } = fieldsOf(entry);
      if (typeof name !== 'string' || !Array.isArray(sentences)) {
        throw new UserError(
          `${where} is ${quote(entry)}, where {"filename": "…", "split": "train", "sentences": [{"raw": "…"}, …]} is expected.`,
        );
      }
      // Only COCO's has folders, train2014 and val2014.
      const image = typeof folder === 'string' && folder !== '' ? `${folder}/${name}` : name;
      if (seen.has(image)) sink.listedTwice(image);
      seen.add(image);
      const split = splitNamed(word, where, sink);
      for (const sentence of sentences) {
        const { raw: caption } = fieldsOf(sentence);
        if (typeof caption !== 'string') {
          throw new UserError(`${where} has the sentence ${quote(sentence)}, where {"raw": "…"} is expected.`);
        }
        sink.caption({ image, caption, split, at });
      }
    },
  });
}
