/** COCO's annotations: `{"images": [{"id", "file_name"}, …], "annotations": [{"image_id", "caption"}, …]}`. */
import { UserError } from '../../errors.js';
import { quote } from '../quote.js';
import type { CaptionFormat, CaptionSink } from './caption-entry.js';
import { fieldsOf, readEntries } from './json-entries.js';
import type { TextSource } from './text-source.js';

const place = (path: string, at: number) => `${path}: annotations, entry ${at}`;

export const coco: CaptionFormat = { name: 'COCO annotations', place, read };

async function read(file: TextSource, sink: CaptionSink): Promise<void> {
  const files = new Map<unknown, string>();
  let isBeforeImages = false;
  const takeImage = (entry: unknown, at: number) => {
    const { id, file_name: image } = fieldsOf(entry);
    if ((typeof id !== 'number' && typeof id !== 'string') || typeof image !== 'string') {
      throw new UserError(
        `${file.path}: images, entry ${at} is ${quote(entry)}, where {"id": 1, "file_name": "…"} is expected.`,
      );
    }
    if (files.has(id)) sink.listedTwice(image);
    files.set(id, image);
  };
  const takeCaption = (entry: unknown, at: number) => {
    const { image_id: id, caption } = fieldsOf(entry);
    if (typeof caption !== 'string') {
      throw new UserError(
        `${place(file.path, at)} is ${quote(entry)}, where {"image_id": 1, "caption": "…"} is expected.`,
      );
    }
    const image = files.get(id);
    if (image === undefined) {
      throw new UserError(`${place(file.path, at)} is of image ${quote(id)}, which is none of the file's images.`);
    }
    sink.caption({ image, caption, split: null, at });
  };
  await readEntries(file, {
    images: takeImage,
    annotations: (entry, at) => {
      if (files.size === 0) isBeforeImages = true;
      else takeCaption(entry, at);
    },
  });
  // Programs that sort the keys of what they write put the annotations first.
  if (isBeforeImages) await readEntries(file, { annotations: takeCaption });
}
