/** Types of numbers that tables are kept in; float16 numbers are kept as their bits. */

export type ElementType = 'float16' | 'float32' | 'float64' | 'int32';
export type ElementArray = Uint16Array | Float32Array | Float64Array | Int32Array;

export const elementBytes: Readonly<Record<ElementType, number>> = { float16: 2, float32: 4, float64: 8, int32: 4 };

/** The whole of a buffer as numbers of a type. */
export function elementsOn(buffer: SharedArrayBuffer, type: ElementType): ElementArray {
  switch (type) {
    case 'float16':
      return new Uint16Array(buffer);
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
  }
}
