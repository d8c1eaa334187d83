/** A captioner that stands ready in a browser, from the files beside the page. */
import type { InferenceSession } from 'onnxruntime-web/wasm';
import { endId, startId, unwrittenIds, Vocabulary } from '../../data/vocabulary.js';
import type { Components } from '../../features/pca.js';
import type { Rows } from '../../features/tensor-rows.js';
import { decodingOf } from '../../model/decoding/decoding.js';
import { generateCaptions } from '../../model/decoding/generate.js';
import { squareSide } from '../../report/attention-page.js';
import type { Answer } from '../../report/browser/captioning-page.js';
import type { Matrix } from '../../tensor/matrix.js';
import { type WebCaptioner, webFiles } from '../web-captioner.js';
import { type BrowserExtractor, builtInExtractor, networkExtractor, projectedExtractor } from './extractor.js';
import { onnxMember, type Runtime } from './onnx-programs.js';
import { photoPixels, pictureAddress } from './photo-pixels.js';

export class BrowserCaptioner {
  private constructor(
    private readonly about: WebCaptioner,
    private readonly vocabulary: Vocabulary,
    private readonly runtime: Runtime,
    private readonly extractor: BrowserExtractor,
    private readonly start: InferenceSession,
    private readonly step: InferenceSession,
  ) {}

  /** @throws Error naming the file that cannot be had */
  static async open(): Promise<BrowserCaptioner> {
    const about = JSON.parse(new TextDecoder().decode(await fileOf(webFiles.captioner))) as WebCaptioner;
    const runtime: Runtime = await import(addressOf(webFiles.runtime));
    // More threads would need headers that simple servers do not send.
    runtime.env.wasm.numThreads = 1;
    const session = async (name: string) =>
      await runtime.InferenceSession.create(await fileOf(name), { executionProviders: ['wasm'], logSeverityLevel: 3 });
    const [start, step] = [await session(webFiles.start), await session(webFiles.step)];
    const extractor =
      about.extractor.kind === 'builtin'
        ? builtInExtractor
        : networkExtractor(runtime, await session(webFiles.network), about.extractor);
    const projected =
      about.components === null
        ? extractor
        : projectedExtractor(extractor, componentsOf(await fileOf(webFiles.components), about.components));
    const vocabulary = Vocabulary.of(about.tokens, about.idxToWord, webFiles.captioner);
    return new BrowserCaptioner(about, vocabulary, runtime, projected, start, step);
  }

  /**
   * @param beam hypotheses, all of which are shown; 1 for the likeliest word at each step
   * @throws Error saying why the photo has no captions
   */
  async captions(photo: Blob, beam: number): Promise<Answer> {
    const { about, runtime, extractor, start, step } = this;
    const pixels = await photoPixels(photo, extractor.wanted);
    const { features, grid } = await extractor.extract(pixels);
    const attends = about.positions.grid !== undefined;
    const inputs = { features: matrixOf(features), ...(attends ? { grid: matrixOf(grid!) } : {}) };
    const member = onnxMember(runtime, start, step, about.positions, inputs);
    const search = beam === 1 ? {} : { beam, nbest: beam };
    const [decoded] = await generateCaptions(
      [member],
      [0],
      decodingOf({ ...search, attention: attends }, unwrittenIds),
      { start: startId, end: endId, longest: about.longest },
      { most: beam, fixed: false },
    );
    const captions = decoded!.map(({ words, logProbability }) => ({
      caption: this.vocabulary.decode(words),
      logProbability,
    }));
    const { words: ids, attention: weights = [] } = decoded![0]!;
    const words = ids.filter((id) => id !== endId).map((id) => this.vocabulary.idxToWord[id]!);
    const side = words.length > 0 && weights.length > 0 ? squareSide(weights) : null;
    if (side === null) return { captions };
    const looks = words.map((word, i) => ({ word, weights: weights[i]! }));
    return { captions, attention: { picture: pictureAddress(pixels, extractor.wanted), side, words: looks } };
  }
}

/** One row. */
function matrixOf({ data, positions, columns }: Rows): Matrix {
  return { data, rows: 1, columns: positions * columns };
}

function componentsOf(bytes: Uint8Array, count: number): Components {
  const numbers = new Float32Array(bytes.buffer);
  const columns = numbers.length / (count + 1);
  return { mean: numbers.subarray(0, columns), directions: numbers.subarray(columns), count };
}

function addressOf(name: string): string {
  return new URL(name, import.meta.url).href;
}

async function fileOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(addressOf(name)).catch(() => null);
  if (response?.ok) return new Uint8Array(await response.arrayBuffer());
  throw new Error(`${name}, which lies beside this page, cannot be loaded.`);
}
