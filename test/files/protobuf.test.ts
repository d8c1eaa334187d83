import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fieldsOf, lengthField, varintField } from '../../src/files/protobuf.js';

const number = fc.integer({ min: 1, max: 2 ** 29 - 1 });
const field = fc.oneof(
  fc.record({ number, bytes: fc.constant(null), value: fc.maxSafeNat() }),
  fc.record({ number, bytes: fc.uint8Array({ maxLength: 300 }), value: fc.constant(Number.NaN) }),
);

it('protocol buffers are read as they were written', () => {
  const isSame = fc.property(fc.array(field), (fields) => {
    const message = Buffer.concat(
      fields.map(({ number, bytes, value }) => (bytes ? lengthField(number, bytes) : varintField(number, value))),
    );
    const found = [...fieldsOf(message)];
    const contents = found.map(({ whole: _, bytes, ...rest }) => ({ ...rest, bytes: bytes && Uint8Array.from(bytes) }));
    expect(contents).toEqual(fields);
    expect(Buffer.concat(found.map(({ whole }) => whole))).toEqual(message);
  });
  fc.assert(isSame);
});
