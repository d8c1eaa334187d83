/** A trained captioner as a page that captions photos in the browser: static files, which any file server serves. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import type { ExtractorDescription, NetworkDescription } from '../features/description.js';
import {
  checkBuiltIn,
  fixedBatch,
  type MovedFiles,
  recordedComponents,
  recordedNetwork,
} from '../features/extractor.js';
import type { NetworkFile } from '../features/network.js';
import { withOutputs } from '../features/onnx-graph.js';
import { optionalFolder } from '../features/optional-package.js';
import type { Components } from '../features/pca.js';
import { syncFile } from '../files/atomic-file.js';
import { isFree, NewFolder } from '../files/new-folder.js';
import { captioningPage, captioningStyle } from '../report/captioning-page.js';
import { pageScript } from '../report/page-script.js';
import type { Checkpoint } from '../training/checkpoints/checkpoint.js';
import { type CaptionModel, captionModels, vocabularyOf } from '../training/loop/caption-models.js';
import { exportCaptioner } from './export-captioner.js';
import { recordedExtractor } from './export-photo-captioner.js';
import { type WebCaptioner, type WebExtractor, webFiles } from './web-captioner.js';

export interface WebPageFile {
  readonly name: string;
  readonly bytes: number;
}

export interface WebPageOptions {
  /** Where files are that are not where they were. */
  readonly moved?: MovedFiles;
  /** Where onnxruntime-web is looked for, by default as a package beside recap. */
  readonly packagesOf?: string;
}

/** Bytes of a photo. */
const largestPhoto = 128 << 20;

/** Nothing but the page's own files; compiling WebAssembly is what onnxruntime needs. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  'img-src blob: data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const settings = `<label>Search
<select id="beam">
<option value="1">the likeliest word at each step</option>
<option value="3" selected>beam of 3</option>
<option value="5">beam of 5</option>
<option value="10">beam of 10</option>
</select>
</label>`;

/**
 * Writes the page into a new folder, whole or not at all.
 *
 * @param dir not there, or an empty folder
 * @param checkpoints one, or several of one model, whose parameters are averaged
 * @returns the files
 * @throws UserError when the checkpoint does not know its extractor, something that the page needs is missing, or the
 * folder cannot be made
 */
export function exportWebPage(
  dir: string,
  checkpoints: readonly Checkpoint[],
  { moved = {}, packagesOf }: WebPageOptions = {},
): WebPageFile[] {
  checkFree(dir);
  const runtime = optionalFolder(
    'onnxruntime-web',
    'which runs networks in browsers',
    'onnxruntime-web/wasm',
    packagesOf,
  );
  const files = { ...captionerFiles(checkpoints, moved), ...pageFiles(checkpoints), ...runtimeFiles(runtime) };
  let folder: NewFolder | null = null;
  try {
    folder = new NewFolder(dir);
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder.temporary, name);
      writeFileSync(path, content);
      syncFile(path);
    }
    folder.commit();
  } catch (error) {
    folder?.abandon();
    throw new UserError(`--web ${dir} cannot be written: ${(error as Error).message}`);
  }
  return Object.entries(files).map(([name, content]) => ({ name, bytes: Buffer.byteLength(content) }));
}

type Files = Readonly<Record<string, string | Uint8Array>>;

function checkFree(dir: string): void {
  let isTaken: boolean;
  try {
    isTaken = !isFree(dir);
  } catch (error) {
    throw new UserError(`--web ${dir} cannot be written: ${(error as Error).message}`);
  }
  if (!isTaken) return;
  throw new UserError(
    `--web ${dir}: something is there, and nothing is overwritten. Name a new folder, or an empty one.`,
  );
}

/** What knows the captioner. */
function captionerFiles(checkpoints: readonly Checkpoint[], moved: MovedFiles): Files {
  const description = recordedExtractor(checkpoints);
  const [leading] = checkpoints as [Checkpoint];
  const network = recordedNetwork(description, moved);
  const components = recordedComponents(description, moved);
  const { steps, positions = {} } = leading.state.model.dimensions;
  const { tokens, idxToWord } = vocabularyOf(leading);
  const captioner: WebCaptioner = {
    tokens,
    idxToWord,
    longest: steps,
    positions,
    extractor: extractorOf(description, network),
    components: components?.count ?? null,
  };
  return {
    [webFiles.captioner]: JSON.stringify(captioner),
    [webFiles.start]: exportCaptioner(checkpoints, { part: 'start' }).bytes,
    [webFiles.step]: exportCaptioner(checkpoints, { part: 'step' }).bytes,
    ...(network && description.kind === 'onnx' ? { [webFiles.network]: networkBytes(network, description) } : {}),
    ...(components ? { [webFiles.components]: componentBytes(components) } : {}),
  };
}

function extractorOf(description: ExtractorDescription, network: NetworkFile | null): WebExtractor {
  if (description.kind === 'builtin') {
    checkBuiltIn(description.version);
    return { kind: 'builtin' };
  }
  const { kind, input, pooled, grid, preprocessing } = description;
  return { kind, input, pooled, grid, preprocessing, batch: fixedBatch(network!, input) };
}

/** The network with all that is read of it among its outputs. */
function networkBytes({ bytes, graph }: NetworkFile, { pooled, grid }: NetworkDescription): Uint8Array {
  const read = [pooled, ...(grid === null ? [] : [grid])];
  return withOutputs(
    bytes,
    [...new Set(read)].filter((name) => !graph.outputs.includes(name)),
  );
}

/** As float32, the mean first. Components of a usual size are more numbers than a call takes. */
export function componentBytes({ mean, directions }: Components): Uint8Array {
  const numbers = new Float32Array(mean.length + directions.length);
  numbers.set(mean);
  numbers.set(directions, mean.length);
  return new Uint8Array(numbers.buffer);
}

function pageFiles(checkpoints: readonly Checkpoint[]): Files {
  const [{ model }] = captionModels([checkpoints]) as [CaptionModel];
  const html = captioningPage({
    title: model.spec.title,
    accepted: 'image/*',
    largest: largestPhoto,
    head: `<meta http-equiv="Content-Security-Policy" content="${policy}">\n<link rel="stylesheet" href="${webFiles.style}">`,
    settings,
    script: `<script type="module" src="${webFiles.script}"></script>`,
  });
  return { [webFiles.page]: html, [webFiles.style]: captioningStyle, [webFiles.script]: pageScript('export') };
}

/** @param folder of onnxruntime-web's files */
function runtimeFiles(folder: string): Files {
  return {
    [webFiles.runtime]: readFileSync(join(folder, 'ort.wasm.bundle.min.mjs')),
    [webFiles.runtimeBinary]: readFileSync(join(folder, webFiles.runtimeBinary)),
  };
}
