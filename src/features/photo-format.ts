/** What kind of photo a file is, by its first bytes: decoders choose by them too, and so take a file for nothing else. */
import { UserError } from '../errors.js';

const formats = [
  { name: 'jpeg', start: /^ffd8ff/ },
  { name: 'png', start: /^89504e470d0a1a0a/ },
  { name: 'gif', start: /^47494638(37|39)61/ },
  { name: 'webp', start: /^52494646.{8}57454250/ },
  { name: 'tiff', start: /^(49492[ab]00|4d4d002[ab])/ },
] as const;

/** Brands of AVIF, and of HEIC, which is the same container with pictures in HEVC. */
const avif = /^avi[fs]$/;
const heic = /^he(i[cmsx]|v[cmsx])$/;

/**
 * @returns the format by the name that sharp gives it
 * @throws UserError when it is none that is read
 */
export function formatOf(name: string, bytes: Uint8Array): string {
  if (bytes.length === 0) throw new UserError(`${name}: the file is empty.`);
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(256, bytes.length));
  const start = head.toString('hex');
  const format = formats.find((each) => each.start.test(start));
  if (format) return format.name;
  const brands = brandsOf(head);
  if (brands.some((brand) => avif.test(brand))) return 'heif';
  if (brands.some((brand) => heic.test(brand))) {
    throw new UserError(
      `${name}: HEIC, which is not read here, since its codec is patented. Convert it to JPEG, such as by ` +
        'heif-convert, or on a Mac by sips -s format jpeg.',
    );
  }
  throw new UserError(`${name}: not a photo that is read here; expected JPEG, PNG, GIF, WebP, TIFF or AVIF.`);
}

/** Of a file in the container of ISO media: its major brand, and those that it goes with (ISO/IEC 14496-12, 4.3). */
function brandsOf(head: Buffer): string[] {
  if (head.length < 16 || head.toString('latin1', 4, 8) !== 'ftyp') return [];
  const end = Math.min(head.length, head.readUInt32BE(0));
  const brands: string[] = [];
  // Between the first and the others stands a version.
  for (let at = 8; at + 4 <= end; at += at === 8 ? 8 : 4) brands.push(head.toString('latin1', at, at + 4));
  return brands;
}
