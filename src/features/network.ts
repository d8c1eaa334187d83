/** A network in ONNX, run by onnxruntime on the processor. */
import { createHash } from 'node:crypto';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { UserError } from '../errors.js';
import { NotAFileError, readRegularFile } from '../files/regular-file.js';
import { nearest } from '../nearest.js';
import { type OnnxGraph, readGraph, withOutputs } from './onnx-graph.js';
import { optionalPackage } from './optional-package.js';
import type { NetworkTensor } from './tensor-rows.js';

type Runtime = typeof import('onnxruntime-node');

/** The bytes of a network, and what they say of it. */
export interface NetworkFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly graph: OnnxGraph;
}

/** @throws UserError when the file cannot be read, is no ONNX model, or keeps its weights elsewhere */
export function readNetwork(path: string): NetworkFile {
  let bytes: Uint8Array;
  try {
    bytes = readRegularFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    const reason = error instanceof NotAFileError ? message : `it cannot be read (${code ?? message})`;
    throw new UserError(`The network ${path}: ${missing ? 'no such file' : reason}.`);
  }
  const graph = readGraph(path, bytes);
  if (graph.hasExternalWeights) {
    throw new UserError(
      `${path} keeps its weights in other files, which are not read here. Save it as one file, such as by ` +
        "onnx.save(onnx.load('model.onnx'), 'whole.onnx').",
    );
  }
  return { path, bytes, sha256: createHash('sha256').update(bytes).digest('hex'), graph };
}

/** @throws UserError naming the tensors that are nearest, when the graph has none of that name */
export function checkTensor({ path, graph }: NetworkFile, option: string, name: string): void {
  const all = [...graph.outputs, ...graph.tensors];
  if (all.includes(name)) return;
  const meant = nearest(name, all);
  const outputs = graph.outputs.slice(0, 5).join(', ');
  throw new UserError(
    `${option}: ${path} has no tensor ${name}; ${meant === undefined ? '' : `did you mean ${meant}? `}Its outputs are ` +
      `${outputs}, the last tensors inside ${graph.tensors.slice(-5).join(', ')}.`,
  );
}

/** A network that has been loaded. */
export class Network {
  private constructor(
    private readonly file: NetworkFile,
    private readonly runtime: Runtime,
    private readonly session: InferenceSession,
  ) {}

  /**
   * @param tensors what `run` gives, by name
   * @param threads that one run computes on
   * @throws UserError when onnxruntime is missing or refuses the model
   */
  static async open(file: NetworkFile, tensors: readonly string[], threads: number): Promise<Network> {
    const runtime = await optionalPackage('onnxruntime-node', 'which runs networks', async () => {
      const { default: module } = await import('onnxruntime-node');
      return module as unknown as Runtime;
    });
    const inside = [...new Set(tensors)].filter((name) => !file.graph.outputs.includes(name));
    try {
      const session = await runtime.InferenceSession.create(withOutputs(file.bytes, inside), {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
        // Threads that wait without sleeping would take the processors that decode photos meanwhile.
        extra: { session: { intra_op: { allow_spinning: '0' } } },
      });
      return new Network(file, runtime, session);
    } catch (error) {
      throw new UserError(`${file.path}: onnxruntime cannot load it: ${firstLine(error)}`);
    }
  }

  /**
   * @param dims of the input, the batch first
   * @throws UserError when the network cannot be run on it
   */
  async run(
    input: { readonly name: string; readonly dims: readonly number[]; readonly data: Float32Array },
    tensors: readonly string[],
  ): Promise<NetworkTensor[]> {
    const { Tensor } = this.runtime;
    let found: Readonly<Record<string, Tensor>>;
    try {
      const feed = { [input.name]: new Tensor('float32', input.data, input.dims) };
      found = await this.session.run(feed, [...new Set(tensors)]);
    } catch (error) {
      throw new UserError(`${this.file.path}: onnxruntime cannot run it: ${firstLine(error)}`);
    }
    return tensors.map((name) => {
      const { data, dims, type } = found[name]!;
      if (data instanceof Float32Array) return { name, dims, data };
      throw new UserError(`${this.file.path}: ${name} is of ${type}, expected float32. Name another tensor.`);
    });
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n', 1)[0]!.slice(0, 300);
}
