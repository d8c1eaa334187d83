/** The network of the features before a captioner, in one graph: from what `inputOf` makes of photos to rows. */
import type { NetworkDescription } from '../features/description.js';
import { fixedBatch } from '../features/extractor.js';
import { Network, type NetworkFile } from '../features/network.js';
import type { Components } from '../features/pca.js';
import type { Preprocessing } from '../features/preprocessing.js';
import { featureVectors, gridVectors, type Vectors } from '../features/tensor-rows.js';
import type { Named } from '../tensor/matrix.js';
import type { Front } from './captioner-graphs.js';
import type { GraphScope } from './graph-scope.js';
import { networkParts } from './network-parts.js';

/** The graph's input, which is the network's. */
const pixels = 'pixels';
/** All other tensors of the network have it before their names. */
const prefix = 'network/';

/**
 * @param components null where features are not projected
 * @throws UserError when onnxruntime is missing, which tells the shapes of the network's tensors, or the network cannot be
 * joined
 */
export async function networkFront(
  file: NetworkFile,
  description: NetworkDescription,
  components: Components | null,
): Promise<Front> {
  const { input, pooled, grid, preprocessing } = description;
  const renamed = (name: string) => (name === input ? pixels : prefix + name);
  const { dialect, nodes, initializers } = networkParts(file, renamed);
  const batch = fixedBatch(file, input);
  const dims = await tensorShapes(file, description, batch ?? 1);
  const rowsOf = (graph: GraphScope, name: string, vectors: Vectors) =>
    vectorTensors(graph, renamed(name), vectors, dims[name]!, preprocessing.layout);
  return {
    dialect,
    bytes: file.bytes.length,
    addTo(graph) {
      const { height, width, layout } = preprocessing;
      const size = layout === 'nchw' ? [3, height, width] : [height, width, 3];
      graph.input({ name: pixels, type: 'float32', shape: [batch ?? 'n', ...size] });
      graph.takeIn(nodes, initializers);
      const vectors = featureVectors({ name: pooled, dims: dims[pooled]! });
      const found = rowsOf(graph, pooled, vectors);
      const features = vectors.kind === 'row' ? found : graph.reduction('ReduceMean', found, [1], 0);
      return {
        features: components === null ? features : projected(graph, features, components),
        ...(grid === null ? {} : { grid: rowsOf(graph, grid, gridVectors({ name: grid, dims: dims[grid]! })) }),
      };
    },
  };
}

/** Of what is read, by names: the network is run once. */
async function tensorShapes(
  file: NetworkFile,
  { input, pooled, grid, preprocessing }: NetworkDescription,
  batch: number,
): Promise<Named<readonly number[]>> {
  const { height, width, layout } = preprocessing;
  const tensors = grid === null ? [pooled] : [pooled, grid];
  const network = await Network.open(file, tensors, 1);
  try {
    const dims = layout === 'nchw' ? [batch, 3, height, width] : [batch, height, width, 3];
    const data = new Float32Array(batch * 3 * height * width);
    const found = await network.run({ name: input, dims, data }, tensors);
    return Object.fromEntries(found.map((tensor) => [tensor.name, tensor.dims]));
  } finally {
    await network.close();
  }
}

/** (n, positions, columns), and (n, columns) of a row: what `featuresOf` and `gridOf` take, as operators. */
function vectorTensors(
  graph: GraphScope,
  tensor: string,
  vectors: Vectors,
  dims: readonly number[],
  layout: Preprocessing['layout'],
): string {
  const shape = (...sizes: readonly number[]) => graph.constant('int64', [sizes.length], sizes);
  switch (vectors.kind) {
    case 'row':
      return tensor;
    case 'tokens': {
      const { first, positions } = vectors;
      return graph.node('Slice', [tensor, shape(first), shape(first + positions), shape(1)]);
    }
    case 'cells': {
      if (layout === 'nhwc') return graph.node('Reshape', [tensor, shape(-1, dims[1]! * dims[2]!, dims[3]!)]);
      const flat = graph.node('Reshape', [tensor, shape(-1, dims[1]!, dims[2]! * dims[3]!)]);
      return graph.node('Transpose', [flat], { perm: [0, 2, 1] });
    }
  }
}

function projected(graph: GraphScope, features: string, { mean, directions, count }: Components): string {
  const columns = mean.length;
  const middle = graph.parameter('fc7_mean', [1, columns], Float32Array.from(mean));
  const along = graph.parameter('fc7_directions', [count, columns], Float32Array.from(directions));
  return graph.node('Gemm', [graph.node('Sub', [features, middle]), along], { transB: 1 });
}
