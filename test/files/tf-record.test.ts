import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/files/crc32c.js';
import { maskedCrc, tfRecord } from '../../src/files/tf-record.js';
import { recordsIn } from '../support/event-files.js';

describe('CRC-32C', () => {
  it.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['the digits', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(), 0],
  ])('of %s is that of RFC 3720 and of the catalogues', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('is masked as in TensorFlow', () => {
    // Of the eight bytes of the length 24, with which an event file begins; by TensorBoard’s own function.
    expect(maskedCrc(Uint8Array.of(24, 0, 0, 0, 0, 0, 0, 0))).toBe(0x224b7fa3);
  });
});

describe('records', () => {
  it('are read as they were written, up to one that is cut short', () => {
    const isSame = fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), fc.nat(), (contents, cut) => {
      const bytes = Buffer.concat(contents.map(tfRecord));
      expect(recordsIn(bytes).map((each) => Uint8Array.from(each))).toEqual(contents);
      const some = recordsIn(bytes.subarray(0, cut % (bytes.length + 1)));
      expect(some.map((each) => Uint8Array.from(each))).toEqual(contents.slice(0, some.length));
    });
    fc.assert(isSame);
  });
});
