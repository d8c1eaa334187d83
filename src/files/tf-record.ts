/**
 * Frames of TensorFlow's record files: length as uint64, its masked CRC-32C, the bytes, their masked CRC-32C, all
 * little-endian (tensorflow.org, "TFRecord and tf.train.Example").
 */
import { crc32c } from './crc32c.js';

export function tfRecord(bytes: Uint8Array): Buffer {
  const frame = Buffer.alloc(12 + bytes.length + 4);
  frame.writeBigUInt64LE(BigInt(bytes.length), 0);
  frame.writeUInt32LE(maskedCrc(frame.subarray(0, 8)), 8);
  frame.set(bytes, 12);
  frame.writeUInt32LE(maskedCrc(bytes), 12 + bytes.length);
  return frame;
}

/** So that the checksum of bytes that hold a checksum is no trivial one. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
