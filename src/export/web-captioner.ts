/** What a page without a server is told beside its networks: the contents of its captioner.json. */
import type { TokenUnit } from '../data/vocabulary.js';
import type { NetworkDescription } from '../features/description.js';

export interface WebCaptioner {
  readonly tokens: TokenUnit;
  readonly idxToWord: readonly string[];
  /** T: most words of a caption, `<END>` among them. */
  readonly longest: number;
  /** L of each input that is a grid. */
  readonly positions: Readonly<Record<string, number>>;
  readonly extractor: WebExtractor;
  /** K of the principal components that features are projected to; null where they are not. */
  readonly components: number | null;
}

export type WebExtractor =
  | { readonly kind: 'builtin' }
  | (Pick<NetworkDescription, 'kind' | 'input' | 'pooled' | 'grid' | 'preprocessing'> & {
      /** Images that the network takes at once; null for any number. */
      readonly batch: number | null;
    });

/** The files beside the page. */
export const webFiles = {
  page: 'index.html',
  style: 'page.css',
  script: 'page.js',
  captioner: 'captioner.json',
  start: 'start.onnx',
  step: 'step.onnx',
  network: 'network.onnx',
  /** mean (D) and directions (K,D), float32. */
  components: 'components.bin',
  runtime: 'onnxruntime.js',
  /** The runtime looks for it by this name. */
  runtimeBinary: 'ort-wasm-simd-threaded.wasm',
} as const;
