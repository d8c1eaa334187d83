import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Hdf5Reader } from '../../src/data/hdf5.js';
import { UserError } from '../../src/errors.js';
import { type FileFormat, type TableSpec, temporaryFolder, writeHdf5 } from './tiny-dataset.js';

/** RECAP_FUZZ_RUNS=100000 for a long look. */
const runs = Number(process.env.RECAP_FUZZ_RUNS ?? 1500);

const expected = {
  captions: { rank: 2, numbers: 'integers' },
  idxs: { rank: 1, numbers: 'integers' },
  features: { rank: 2, numbers: 'floats' },
} as const;

const folder = temporaryFolder();
const reader = new Hdf5Reader(20_000);
afterAll(() => reader.close());

async function wholeFile(format: FileFormat, packed: boolean): Promise<Buffer> {
  const path = join(folder, `${format}-${packed}.h5`);
  const storage: Partial<TableSpec> = packed ? { chunks: [8, 8], compression: 6 } : {};
  const tables = {
    captions: { data: Int32Array.from({ length: 192 }, (_, i) => i % 7), shape: [24, 8], ...storage },
    idxs: { data: Int32Array.from({ length: 24 }, (_, i) => i), shape: [24] },
    features: { data: Float32Array.from({ length: 384 }, (_, i) => Math.sin(i)), shape: [24, 16], ...storage },
  };
  await writeHdf5(path, tables, (root) => root.create_soft_link('/features', 'link'), format);
  return readFileSync(path);
}

const wholeFiles = await Promise.all([
  wholeFile('oldest', false),
  wholeFile('oldest', true),
  wholeFile('newest', false),
  wholeFile('newest', true),
]);

type Damage = (bytes: Buffer) => Buffer;

/** Where in the file, as a share of its length. */
const place = fc.nat(1_000_000).map((share) => (length: number) => Math.floor((share / 1_000_001) * length));

const damage: fc.Arbitrary<Damage> = fc.oneof(
  // One byte.
  fc.tuple(place, fc.nat(255)).map(([at, value]) => (bytes: Buffer) => {
    bytes[at(bytes.length)] = value;
    return bytes;
  }),
  // An address or a size: huge, or pointing back into the file, where it may close a circle.
  fc
    .tuple(
      place,
      fc.oneof(fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n), fc.bigInt(0n, 9000n)),
    )
    .map(([at, value]) => (bytes: Buffer) => {
      if (bytes.length >= 8) bytes.writeBigUInt64LE(value, at((bytes.length - 7) >> 3) * 8);
      return bytes;
    }),
  // One part over another.
  fc.tuple(place, place, fc.nat(64)).map(([to, from, count]) => (bytes: Buffer) => {
    bytes.copyWithin(to(bytes.length), from(bytes.length), from(bytes.length) + count);
    return bytes;
  }),
  // Cut, and filled up again or not.
  fc.tuple(place, fc.boolean()).map(([at, filled]) => (bytes: Buffer) => {
    const cut = bytes.subarray(0, at(bytes.length));
    return filled ? Buffer.concat([cut, Buffer.alloc(bytes.length - cut.length)]) : cut;
  }),
);

describe('Damaged HDF5 files', () => {
  it(
    `are read or refused in one line, ${runs} of them, and never crash or hang`,
    async () => {
      let count = 0;
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...wholeFiles),
          fc.array(damage, { minLength: 1, maxLength: 4 }),
          async (whole, damages) => {
            const path = join(folder, `${count++}.h5`);
            const bytes = damages.reduce<Buffer>((left, change) => change(left), Buffer.from(whole));
            writeFileSync(path, bytes);
            try {
              const tables = await reader.describe(path, expected);
              const captions = await reader.read(tables.captions, 'int32');
              const idxs = await reader.read(tables.idxs, 'int32');
              const features = await reader.read(tables.features, 'float32');
              expect(captions.length).toBe(tables.captions.rows * tables.captions.columns);
              expect(idxs.length).toBe(tables.idxs.rows);
              expect(features.every(Number.isFinite)).toBe(true);
            } catch (error) {
              expect(error).toBeInstanceOf(UserError);
              const { message } = error as Error;
              expect(message).toContain(path);
              expect(message.length - path.length).toBeLessThan(400);
              expect(message).not.toMatch(/\n|no progress/);
              refused++;
            } finally {
              rmSync(path);
            }
          },
        ),
        { numRuns: runs, seed: 231, endOnFailure: true },
      );
      expect(refused).toBeGreaterThan(runs / 10);
      expect(refused).toBeLessThan(runs);
    },
    60_000 + runs * 100,
  );
});
