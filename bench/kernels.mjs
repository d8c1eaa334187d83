// Speed of the WebAssembly kernels on one thread: `npm run build && node bench/kernels.mjs`. Each figure is the best of
// many rounds by processor time, so that other programs on the machine disturb it little.
import { bestInstructionSet, instructionSets, loadKernels, packedBytes } from '../dist/src/engine/cpu/kernels.js';

const rounds = 50;
const memory = new WebAssembly.Memory({ initial: 4096, maximum: 4096, shared: true });
const MiB = 2 ** 20;
const [rows, H, V] = [50, 512, 1004];
const floats = new Float32Array(memory.buffer);
floats.forEach((_, i) => {
  floats[i] = ((i * 7919) % 1000) / 250 - 2;
});
const indices = 200 * MiB;
new Int32Array(memory.buffer, indices, 4096).forEach((_, i, array) => {
  array[i] = i % rows;
});
const slots = 201 * MiB;
new Uint32Array(memory.buffer, slots, 2).set([120 * MiB, 140 * MiB]);

/** Milliseconds of one call: many calls a round, since the clock of processor time is coarse. */
function best(calls, run) {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    for (let i = 0; i < calls; i++) run();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000 / calls);
  }
  return least;
}

// [packed beforehand, transA, transB, M, N, K]: the time steps of an LSTM, then its products over all time steps.
const products = [
  [true, 0, 0, rows, 4 * H, H],
  [true, 0, 1, rows, H, 4 * H],
  [true, 0, 0, 7, 4 * H, H],
  [true, 0, 0, 1, 4 * H, H],
  [true, 0, 0, rows, H, H],
  [false, 1, 0, H, 4 * H, 800],
  [false, 0, 0, 800, V, H],
  [false, 0, 0, 400, 4 * H, 256],
  [false, 0, 1, 800, H, V],
];

const element = (k) => ({
  vexp: [16384, () => k.vexp(0, MiB, 16384)],
  vtanh: [16384, () => k.vtanh(0, MiB, 16384)],
  vsigmoid: [16384, () => k.vsigmoid(0, MiB, 16384)],
  rnnCell: [rows * H, () => k.rnnCell(0, indices, MiB, 2 * MiB, rows, H)],
  rnnCellBackward: [rows * H, () => k.rnnCellBackward(0, MiB, 2 * MiB, rows, 3 * MiB, rows, H)],
  lstmCell: [rows * H, () => k.lstmCell(0, indices, 8 * MiB, 12 * MiB, 13 * MiB, 14 * MiB, rows, H)],
  lstmCellBackward: [
    rows * H,
    () => k.lstmCellBackward(0, MiB, 2 * MiB, 3 * MiB, 4 * MiB, 5 * MiB, rows, 6 * MiB, 7 * MiB, rows, H),
  ],
  softmaxLoss: [100 * V, () => k.softmaxLoss(64 * MiB, indices, 100, V, 1)],
  columnSums: [800 * 4 * H, () => k.columnSums(0, 800, 4 * H, 4 * H, 32 * MiB)],
  sumByInput: [800 * 4 * H, () => k.sumByInput(0, indices, 800, 4 * H, 300, 32 * MiB)],
  'adam, 2 slots': [3 * MiB, () => k.adam(0, 20 * MiB, 40 * MiB, slots, 2, 0, 3 * MiB, 1e-3, 0.9, 0.999, 1e-8, 100)],
  largestMagnitude: [3 * MiB, () => k.largestMagnitude(0, 3 * MiB)],
  toBf16: [4 * H * H, () => k.toBf16(0, 4 * H, 32 * MiB, 4 * H, H, 4 * H)],
});

for (const instructionSet of instructionSets.slice(0, instructionSets.indexOf(bestInstructionSet()) + 1)) {
  const kernels = loadKernels(memory, instructionSet);
  console.log(`\n${instructionSet}`);
  for (const [isPacked, transA, transB, M, N, K] of products) {
    const [a, b, c, packed, scratch] = [0, 16 * MiB, 32 * MiB, 48 * MiB, 64 * MiB];
    const [lda, ldb] = [transA ? M : K, transB ? K : N];
    if (packedBytes(N, K) > scratch - packed) throw new Error('the packed operand does not fit its place');
    kernels.packB(transB, N, K, b, ldb, packed);
    const flops = 2 * M * N * K;
    const ms = best(Math.ceil(1e8 / flops), () =>
      isPacked
        ? kernels.sgemmPacked(transA, M, N, K, a, lda, packed, 0, c, N, 0, scratch)
        : kernels.sgemm(transA, transB, M, N, K, a, lda, b, ldb, 0, c, N, 0, scratch),
    );
    const shape = `(${M},${K})${transA ? 'ᵀ' : ''}·(${K},${N})${transB ? 'ᵀ' : ''}${isPacked ? ' packed' : ''}`;
    console.log(shape.padEnd(36), (flops / ms / 1e6).toFixed(1).padStart(7), 'GFLOP/s');
  }
  for (const [name, [count, run]] of Object.entries(element(kernels))) {
    const ms = best(Math.ceil(4e5 / count), run);
    console.log(name.padEnd(36), (count / ms / 1e3).toFixed(0).padStart(7), 'million elements/s');
  }
}
