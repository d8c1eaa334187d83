/** What gives a photo its features in a browser, by the arithmetic of the extractors that recap runs in Node. */
import type { InferenceSession } from 'onnxruntime-web/wasm';
import { builtInRows, builtInSize } from '../../features/built-in.js';
import { inputOf } from '../../features/network-input.js';
import { type Components, project } from '../../features/pca.js';
import type { Pixels, Preprocessing } from '../../features/preprocessing.js';
import { featuresOf, gridOf, type Rows } from '../../features/tensor-rows.js';
import type { WebExtractor } from '../web-captioner.js';
import type { Runtime } from './onnx-programs.js';

export interface BrowserExtractor {
  readonly wanted: Pick<Preprocessing, 'height' | 'width' | 'shorterSide' | 'kernel'>;
  extract(pixels: Pixels): Promise<{ readonly features: Rows; readonly grid: Rows | null }>;
}

type NetworkExtractor = Extract<WebExtractor, { kind: 'onnx' }>;

export const builtInExtractor: BrowserExtractor = {
  wanted: builtInSize,
  extract: async (pixels) => builtInRows([pixels]),
};

export function networkExtractor(
  runtime: Runtime,
  session: InferenceSession,
  { input, pooled, grid, preprocessing, batch }: NetworkExtractor,
): BrowserExtractor {
  const { height, width, layout } = preprocessing;
  return {
    wanted: preprocessing,
    async extract(pixels) {
      const images = Array<Pixels>(batch ?? 1).fill(pixels);
      const size = layout === 'nchw' ? [3, height, width] : [height, width, 3];
      const data = inputOf(images, preprocessing);
      const feeds = { [input]: new runtime.Tensor('float32', data, [images.length, ...size]) };
      const found = await session.run(feeds, grid === null ? [pooled] : [...new Set([pooled, grid])]);
      const tensor = (name: string) => ({ name, dims: found[name]!.dims, data: found[name]!.data as Float32Array });
      return {
        features: firstRow(featuresOf(tensor(pooled), layout)),
        grid: grid === null ? null : firstRow(gridOf(tensor(grid), layout)),
      };
    },
  };
}

export function projectedExtractor(extractor: BrowserExtractor, components: Components): BrowserExtractor {
  return {
    ...extractor,
    async extract(pixels) {
      const { features, grid } = await extractor.extract(pixels);
      const data = project(features.data, features.columns, components);
      return { features: { data, positions: 1, columns: components.count }, grid };
    },
  };
}

function firstRow(rows: Rows): Rows {
  return { ...rows, data: rows.data.subarray(0, rows.positions * rows.columns) };
}
