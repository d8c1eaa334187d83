import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { generator, uniformInts } from '../../src/data/random.js';
import { decodePhoto } from '../../src/features/decoding.js';
import { image, pattern, png } from './photos.js';

const asItIs = { height: 24, width: 32, shorterSide: null, kernel: 'linear' } as const;

function decode(bytes: Uint8Array, wanted: Parameters<typeof decodePhoto>[1] = asItIs): Promise<Uint8Array> {
  return decodePhoto({ name: 'photo.jpg', read: () => bytes }, wanted);
}

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

const pixels = pattern(32, 24);
const photo = () => image(32, 24);

/** A PNG that says it is of another size. */
async function claiming(width: number, height: number): Promise<Buffer> {
  const bytes = Buffer.from(await photo().png().toBuffer());
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  bytes.writeUInt32BE(crc32Of(bytes.subarray(12, 29)), 29);
  return bytes;
}

function crc32Of(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

describe('a view of a photo', () => {
  const view = { scale: 1, x: 0, y: 0, mirrored: false };
  const viewed = async (bytes: Uint8Array, part: object, wanted: Parameters<typeof decodePhoto>[1] = asItIs) =>
    decodePhoto({ name: 'photo.png', read: () => bytes }, wanted, { ...view, ...part });

  it('as large as the whole is the whole, mirrored left is right', async () => {
    const bytes = await png(32, 24);
    expect(largestDifference(await viewed(bytes, {}), pixels)).toBe(0);
    const found = await viewed(bytes, { mirrored: true });
    const [left, right] = [found.slice(3 * 32 * 5, 3 * 32 * 5 + 3), pixels.slice(3 * (32 * 5 + 31), 3 * 32 * 6)];
    expect(left).toEqual(right);
    const again = await image(32, 24, found).png().toBuffer();
    expect(largestDifference(await viewed(again, { mirrored: true }), pixels)).toBe(0);
  });

  it('of half the sides is a corner of it, enlarged, of what would be cut out of the photo', async () => {
    const corners = Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % 64, Math.floor(i / 3 / 64)];
      return [x < 32 ? 10 : 200, y < 24 ? 20 : 220, 100][i % 3]!;
    });
    const bytes = await image(64, 48, corners).png().toBuffer();
    for (const [x, y] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const) {
      for (const wanted of [asItIs, { ...asItIs, height: 20, width: 20, shorterSide: 24 }]) {
        const found = await viewed(bytes, { scale: 0.5, x, y }, wanted);
        // But for a seam that the kernel of the scaling reaches over.
        const inside = found.filter((_, i) => {
          const column = Math.floor(i / 3) % wanted.width;
          const row = Math.floor(i / 3 / wanted.width);
          return column > 2 && column < wanted.width - 3 && row > 2 && row < wanted.height - 3;
        });
        const colour = [x === 0 ? 10 : 200, y === 0 ? 20 : 220, 100];
        expect(inside.every((value, i) => value === colour[i % 3])).toBe(true);
      }
    }
  });
});

describe('a photo', () => {
  it.each<[string, () => Sharp, number]>([
    ['PNG', () => photo().png(), 0],
    ['PNG of 16 bits', () => photo().toColourspace('rgb16').png(), 0],
    ['PNG without transparent pixels', () => photo().ensureAlpha().png(), 0],
    ['TIFF', () => photo().tiff({ compression: 'lzw' }), 0],
    ['WebP without loss', () => photo().webp({ lossless: true }), 0],
    ['JPEG', () => photo().jpeg({ quality: 100, chromaSubsampling: '4:4:4' }), 4],
    ['JPEG in CMYK', () => photo().toColourspace('cmyk').jpeg({ quality: 100, chromaSubsampling: '4:4:4' }), 90],
    ['AVIF', () => photo().avif({ lossless: true }), 4],
  ])('in %s has the pixels that were put in', async (_, encoded, tolerance) => {
    expect(largestDifference(await decode(await encoded().toBuffer()), pixels)).toBeLessThanOrEqual(tolerance);
  });

  it('in AVIF may have its brand behind another', async () => {
    const bytes = await photo().avif({ lossless: true }).toBuffer();
    bytes.write('mif1', 8, 'latin1');
    expect(largestDifference(await decode(bytes), pixels)).toBeLessThanOrEqual(4);
  });

  it('without colours has three equal ones', async () => {
    for (const bytes of [photo().greyscale().png(), photo().greyscale().toColourspace('grey16').png()]) {
      const found = await decode(await bytes.toBuffer());
      expect(found.every((value, i) => value === found[i - (i % 3)])).toBe(true);
    }
  });

  it('is turned as its EXIF data says', async () => {
    const lying = await photo().rotate(270).withMetadata({ orientation: 6 }).png().toBuffer();
    expect(Buffer.from(await decode(lying))).toEqual(Buffer.from(pixels));
  });

  it('that moves is its first image, and on white where it is transparent', async () => {
    const frames = [pixels, pixels.map((value) => 255 - value)];
    const moving = await sharp(Buffer.concat(frames), { raw: { width: 32, height: 48, channels: 3, pageHeight: 24 } })
      .webp({ lossless: true })
      .toBuffer();
    expect(Buffer.from(await decode(moving))).toEqual(Buffer.from(pixels));
    const clear = {
      create: { width: 32, height: 24, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    } as const;
    expect(new Set(await decode(await sharp(clear).png().toBuffer()))).toEqual(new Set([255]));
  });

  it('of another size gives its middle, or is stretched', async () => {
    const wide = await image(96, 48).png().toBuffer();
    const middle = await image(96, 48).extract({ left: 24, top: 0, width: 48, height: 48 }).raw().toBuffer();
    const square = { height: 48, width: 48, kernel: 'linear' } as const;
    expect(Buffer.from(await decode(wide, { ...square, shorterSide: 48 }))).toEqual(middle);
    const stretched = await decode(wide, { ...square, shorterSide: null });
    expect(stretched[0]).toBeLessThan(10);
    expect(stretched.at(-3)).toBeGreaterThan(85);
  });

  it('with something else behind it is that photo', async () => {
    const bytes = await photo().png().toBuffer();
    expect(Buffer.from(await decode(Buffer.concat([bytes, Buffer.from('PK\x03\x04')])))).toEqual(Buffer.from(pixels));
  });
});

describe('refused in a line that names the file', () => {
  it.each([
    ['an empty file', '', 'photo.jpg: the file is empty.'],
    ['text', 'not an image', 'photo.jpg: not a photo that is read here; expected JPEG, PNG, GIF, WebP, TIFF or AVIF.'],
    [
      'SVG',
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
      'photo.jpg: not a photo that is read here',
    ],
    ['SVG behind white space', '\n <svg width="9" height="9"/>', 'photo.jpg: not a photo that is read here'],
    ['PDF', '%PDF-1.7', 'photo.jpg: not a photo that is read here'],
    [
      'HEIC, by its brand',
      '\0\0\0\u0018ftypheic\0\0\0\0mif1heic',
      'photo.jpg: HEIC, which is not read here, since its codec is patented. Convert it to JPEG, such as by heif-convert,',
    ],
    ['HEIC, by another brand of it', '\0\0\0\u0018ftypmif1\0\0\0\0mif1heix', 'photo.jpg: HEIC, which is not read here'],
    ['a video', '\0\0\0\u0018ftypisom\0\0\0\0isommp42', 'photo.jpg: not a photo that is read here'],
    ['a JPEG of nothing but its start', '\u00ff\u00d8\u00ff\u00e0', 'photo.jpg: cannot be decoded'],
  ])('%s', async (_, text, message) => {
    await expect(decode(Buffer.from(text, 'latin1'))).rejects.toThrow(message);
  });

  it('a photo that is cut, or damaged inside', async () => {
    const jpeg = await image(320, 240).jpeg({ quality: 95 }).toBuffer();
    await expect(decode(jpeg.subarray(0, jpeg.length / 2))).rejects.toThrow(/^photo.jpg: cannot be decoded \(.*\)\.$/);
    const whole = await png(320, 240);
    const damaged = Buffer.from(whole).fill(0, whole.length - 200, whole.length - 100);
    await expect(decode(damaged)).rejects.toThrow(/^photo.jpg: cannot be decoded \(.*\)\.$/);
  });

  it('a decompression bomb, before it is unpacked', async () => {
    await expect(decode(await claiming(60_000, 60_000))).rejects.toThrow('photo.jpg: more than 100 million pixels.');
    const strip = await sharp({ create: { width: 1, height: 4000, channels: 3, background: '#fff' } })
      .png()
      .toBuffer();
    await expect(decode(strip)).rejects.toThrow('photo.jpg: 1 × 4000 pixels, a strip rather than a photo');
  });

  it('or decoded, whatever bytes of it are flipped and wherever it is cut', async () => {
    const encoded = [photo().jpeg(), photo().png(), photo().webp(), photo().gif(), photo().tiff()];
    const files = await Promise.all(encoded.map((each) => each.toBuffer()));
    const numbers = generator(11, 'damage');
    const below = (limit: number) => uniformInts(numbers, limit, 1)[0]!;
    for (let i = 0; i < 400; i++) {
      const whole = files[i % files.length]!;
      const bytes = Buffer.from(whole.subarray(0, i % 4 === 0 ? below(whole.length) : whole.length));
      for (let flips = below(4); flips >= 0 && bytes.length > 0; flips--) bytes[below(bytes.length)] = below(256);
      const found = await decode(bytes).catch((error) => error);
      if (found instanceof Uint8Array) expect(found).toHaveLength(pixels.length);
      else expect(found).toMatchObject({ name: 'UserError', message: expect.stringMatching(/^photo\.jpg: [^\n]+$/) });
    }
  });
});
