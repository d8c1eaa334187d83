/** The WebGPU device of a thread, by Dawn: made when first needed, and gone when nobody holds it. */
import { TrainingError, UserError } from '../../errors.js';
import { WebGPUContext, type WebGpuAdapterInfo, type WebGpuDevice } from './gpu-js.js';

/** A device in use. Whoever holds it gives it back by `release`. */
export interface HeldDevice {
  readonly adapter: string;
  readonly hardware: boolean;
  /** The device no longer works, so that what waits for it may wait for ever. */
  readonly failed: boolean;
  /** Waits for work on the device, and rejects with a TrainingError as soon as the device fails. */
  guard<R>(work: Promise<R>): Promise<R>;
  /** The last holder's release destroys the device, without which the thread would not end. */
  release(): Promise<void>;
}

let current: DawnDevice | null = null;

/** @throws UserError where there is no adapter */
export async function holdDevice(): Promise<HeldDevice> {
  try {
    await installWebGpu();
    const { adapter, device } = await WebGPUContext.acquire();
    if (current?.device !== device) current = new DawnDevice(adapter.info, device);
  } catch (error) {
    throw new UserError(
      `engine: {name: gpu, mode: webgpu} found no WebGPU adapter (${messageOf(error)}). ` +
        'Install a Vulkan driver for the GPU, or set engine.mode to webasm.',
    );
  }
  current.holders++;
  return current;
}

class DawnDevice implements HeldDevice {
  readonly adapter: string;
  readonly hardware: boolean;
  holders = 0;
  private failure: TrainingError | null = null;
  /** Rejects what waits for the device. (A race against `lost` would keep something of every run in memory.) */
  private readonly waiting = new Set<(error: Error) => void>();

  constructor(
    info: WebGpuAdapterInfo,
    readonly device: WebGpuDevice,
  ) {
    this.adapter = adapterName(info);
    this.hardware = isHardware(info);
    device.onuncapturederror = ({ error }) => this.fail(`WebGPU on ${this.adapter} failed: ${error.message}`);
    device.lost.then(({ reason, message }) => {
      const why = message.trim() || reason;
      this.fail(`The WebGPU device ${this.adapter} was lost (${why}). Resume the run from its last checkpoint.`);
    });
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
        work.then(resolve, reject);
        if (this.failure) reject(this.failure);
      });
      // A failed command leaves its results unwritten without an error of its own.
      if (this.failure) throw this.failure;
      return result;
    } catch (error) {
      throw this.failure ?? error;
    } finally {
      this.waiting.delete(reject);
    }
  }

  async release(): Promise<void> {
    this.holders--;
    if (this.holders > 0) return;
    this.device.destroy();
    await this.device.lost;
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

/** Not a software adapter, such as SwiftShader or Mesa's llvmpipe. */
export function isHardware({ isFallbackAdapter, architecture, description }: WebGpuAdapterInfo): boolean {
  return !isFallbackAdapter && !/swiftshader|llvmpipe|lavapipe/i.test(`${architecture} ${description}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split('. ')[0]! : String(error);
}
