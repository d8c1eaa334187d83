import { describe, expect, it } from 'vitest';
import { layoutOf, namedViews, type TensorSpec, trainedPlaces } from '../../src/tensor/layout.js';

function tensor(name: string, shape: readonly number[], trained = true): TensorSpec {
  return { name, shape, trained, sparseRows: false };
}

const layout = layoutOf([
  tensor('frozen', [5, 7], false),
  tensor('w', [3, 11]),
  tensor('b', [11]),
  tensor('mean', [1], false),
  tensor('row', [1, 16]),
]);

describe('the layout of a model’s tensors', () => {
  it('has the trained ones first, otherwise in the order given, each at the start of a cache line', () => {
    expect(layout.places.map(({ name, offset, size }) => [name, offset, size])).toEqual([
      ['w', 0, 33],
      ['b', 48, 11],
      ['row', 64, 16],
      ['frozen', 80, 35],
      ['mean', 128, 1],
    ]);
    expect(layout.trainedLength).toBe(80);
    expect(layout.length).toBe(144);
    expect(trainedPlaces(layout).map(({ name }) => name)).toEqual(['w', 'b', 'row']);
  });

  it('takes a vector for a matrix of one row', () => {
    const [w, b] = layout.places;
    expect([w!.rows, w!.columns]).toEqual([3, 11]);
    expect([b!.rows, b!.columns]).toEqual([1, 11]);
  });

  it('has a view of every tensor in parameters, and of the trained ones in a gradient', () => {
    const flat = Float64Array.from({ length: layout.length }, (_, i) => i);
    const views = namedViews(flat, layout);
    expect(Object.keys(views)).toEqual(['w', 'b', 'row', 'frozen', 'mean']);
    expect([views.b![0], views.b!.length]).toEqual([48, 11]);
    views.mean![0] = -1;
    expect(flat[128]).toBe(-1);
    expect(Object.keys(namedViews(new Float32Array(layout.trainedLength), layout))).toEqual(['w', 'b', 'row']);
  });

  it('may hold nothing, or nothing that is trained', () => {
    expect(layoutOf([])).toEqual({ places: [], length: 0, trainedLength: 0 });
    expect(layoutOf([tensor('frozen', [2, 2], false)])).toMatchObject({ length: 16, trainedLength: 0 });
  });
});
