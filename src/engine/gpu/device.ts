/** The WebGPU device of a thread, by Dawn: made when first needed, and gone when nobody holds it. */
import { TrainingError, UserError } from '../../errors.js';
import { WebGPUContext, type WebGpuAdapterInfo, type WebGpuDevice } from './gpu-js.js';

export interface HeldDevice {
  readonly adapter: string;
  readonly hardware: boolean;
  /** Waits for work on the device, and rejects with a TrainingError as soon as the device fails. */
  guard<R>(work: Promise<R>): Promise<R>;
  /** Whether the device failed, so that what waits for it may wait for ever. */
  readonly failed: boolean;
  /** Gives the device back; the last holder's release destroys it, without which the thread would not end. */
  release(): Promise<void>;
}

let holders = 0;

/** @throws UserError where there is no adapter */
export async function holdDevice(): Promise<HeldDevice> {
  await installWebGpu();
  holders++;
  try {
    const { adapter, device } = await WebGPUContext.acquire();
    return new DawnDevice(adapter.info, device);
  } catch (error) {
    holders--;
    throw new UserError(
      `engine: {name: gpu, mode: webgpu} found no WebGPU adapter (${messageOf(error)}). ` +
        'Install a Vulkan driver for this GPU, or set engine.mode to webasm.',
    );
  }
}

class DawnDevice implements HeldDevice {
  readonly adapter: string;
  readonly hardware: boolean;
  private failure: TrainingError | null = null;
  /** Rejects what waits for the device. A race against `lost` would keep a reaction of every run alive. */
  private readonly waiting = new Set<(error: Error) => void>();

  constructor(info: WebGpuAdapterInfo, device: WebGpuDevice) {
    this.adapter = adapterName(info);
    this.hardware = isHardware(info);
    device.onuncapturederror = ({ error }) => this.fail(`WebGPU on ${this.adapter} failed: ${error.message}`);
    device.lost.then(({ reason, message }) =>
      this.fail(
        `The WebGPU device ${this.adapter} was lost (${message.trim() || reason}). Resume the run from its last checkpoint.`,
      ),
    );
  }

  get failed(): boolean {
    return this.failure !== null;
  }

  async guard<R>(work: Promise<R>): Promise<R> {
    let reject: (error: Error) => void = () => {};
    try {
      const result = await new Promise<R>((resolve, onFailure) => {
        reject = onFailure;
        this.waiting.add(reject);
        if (this.failure) reject(this.failure);
        work.then(resolve, onFailure);
      });
      // A failed command leaves results unwritten without an error of its own.
      if (this.failure) throw this.failure;
      return result;
    } catch (error) {
      throw this.failure ?? error;
    } finally {
      this.waiting.delete(reject);
    }
  }

  async release(): Promise<void> {
    holders--;
    if (holders === 0) await WebGPUContext.destroy();
  }

  private fail(message: string): void {
    this.failure ??= new TrainingError(message);
    for (const reject of this.waiting) reject(this.failure);
  }
}

let installed: Promise<void> | null = null;

/** Puts `navigator.gpu` in place, where gpu.js looks for it. */
function installWebGpu(): Promise<void> {
  installed ??= import('webgpu').then(({ create, globals }) => {
    Object.assign(globalThis, globals);
    const scope = globalThis as { navigator?: object };
    if (!scope.navigator) Object.defineProperty(scope, 'navigator', { value: {}, configurable: true });
    Object.defineProperty(scope.navigator, 'gpu', { value: create([]), configurable: true });
  });
  return installed;
}

export function adapterName({ vendor, architecture, description }: WebGpuAdapterInfo): string {
  return description || `${vendor} ${architecture}`.trim() || 'unknown adapter';
}

/** Software adapters: what Vulkan calls a CPU device, SwiftShader and Mesa's llvmpipe among them. */
export function isHardware({ isFallbackAdapter, architecture, description }: WebGpuAdapterInfo): boolean {
  return !isFallbackAdapter && !/swiftshader|llvmpipe|lavapipe/i.test(`${architecture} ${description}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split('. ')[0]! : String(error);
}
