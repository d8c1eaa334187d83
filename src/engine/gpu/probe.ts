/** Which modes of the gpu engine this machine can run, and on what. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { GpuMode } from './description.js';
import { adapterName, isHardware } from './device.js';
import { GPU, type WebGpuAdapterInfo } from './gpu-js.js';

export interface GpuAvailability {
  readonly mode: GpuMode;
  readonly available: boolean;
  /** What the mode computes on; null where it is not available. */
  readonly adapter: string | null;
  /** Whether that is a GPU rather than this machine's processor. */
  readonly hardware: boolean;
  /** Why the mode is not available. */
  readonly reason: string | null;
}

/** Never throws; leaves no device behind. */
export async function probeGpu(): Promise<GpuAvailability[]> {
  const onProcessor = { adapter: 'this processor', hardware: false };
  return [
    await probeWebGpu(),
    GPU.isWebAssemblySupported
      ? { mode: 'webasm', available: true, reason: null, ...onProcessor }
      : unavailable('webasm', 'this Node has no WebAssembly SIMD'),
    { mode: 'cpu', available: true, reason: null, ...onProcessor },
  ];
}

function unavailable(mode: GpuMode, reason: string): GpuAvailability {
  return { mode, available: false, adapter: null, hardware: false, reason };
}

const longestMs = 20_000;

/**
 * Writes the adapter's properties as JSON, or null, to a pipe of its own: whatever else runs there may print. In a process
 * of its own, because Dawn writes what it misses straight to stderr, and because a broken graphics driver can bring down
 * the process that loads it.
 */
const script = `
import { writeSync } from 'node:fs';
const { create } = await import(process.argv[1]);
const adapter = await create([]).requestAdapter();
const { vendor, architecture, description, isFallbackAdapter } = adapter?.info ?? {};
const answer = adapter && { vendor, architecture, description, isFallbackAdapter };
writeSync(3, JSON.stringify(answer ?? null));
process.exit(0);
`;

async function probeWebGpu(): Promise<GpuAvailability> {
  const { code, signal, answer, stderr } = await runScript();
  if (signal !== null) return unavailable('webgpu', `the WebGPU library ended with ${signal}`);
  if (code !== 0) return unavailable('webgpu', reasonIn(stderr));
  if (answer === '') return unavailable('webgpu', 'the process that looks for adapters ended without an answer');
  const info = JSON.parse(answer) as WebGpuAdapterInfo | null;
  if (info === null) return unavailable('webgpu', 'no WebGPU adapter: no GPU with a Vulkan driver was found');
  return { mode: 'webgpu', available: true, adapter: adapterName(info), hardware: isHardware(info), reason: null };
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly answer: string;
  readonly stderr: string;
}

function runScript(): Promise<Ended> {
  const library = pathToFileURL(createRequire(import.meta.url).resolve('webgpu')).href;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, library], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      timeout: longestMs,
      killSignal: 'SIGKILL',
    });
    let answer = '';
    let stderr = '';
    child.stdio[3]!.on('data', (chunk) => {
      answer += chunk;
    });
    child.stderr!.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', (error) => resolve({ code: 1, signal: null, answer, stderr: error.message }));
    child.on('close', (code, signal) => resolve({ code, signal, answer, stderr }));
  });
}

/** The line that names the error, of what Node prints about one. */
function reasonIn(stderr: string): string {
  const line = stderr.split('\n').find((text) => /\bError\b.*:/.test(text)) ?? stderr.trim().split('\n').at(-1);
  return `the WebGPU library cannot be loaded (${line?.trim() || 'no reason given'})`;
}
