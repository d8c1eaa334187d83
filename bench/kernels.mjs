// Speed of matrix products by everything that computes them here, and of the WebAssembly kernels, on one thread:
// `npm run build && node bench/kernels.mjs`. Each figure is the best of many rounds by processor time, and suppliers take
// turns, so that other programs on the machine disturb them little and alike.

import { bestInstructionSet, instructionSets, loadKernels } from '../dist/src/engine/cpu/kernels.js';
import { hasBf16, installedLibraries, thisProcessor } from '../dist/src/engine/cpu/suppliers/blas/installed.js';
import { openLibrary } from '../dist/src/engine/cpu/suppliers/blas/library.js';
import { loadCode } from '../dist/src/engine/cpu/suppliers/native/executable-memory.js';
import { generatedCells } from '../dist/src/engine/cpu/suppliers/native/generated-cells.js';
import { generationSupport } from '../dist/src/engine/cpu/suppliers/native/generated-kernels.js';
import { generatedProducts } from '../dist/src/engine/cpu/suppliers/native/generated-products.js';
import { Assembler } from '../dist/src/engine/cpu/suppliers/native/x64/assembler.js';
import { Label } from '../dist/src/engine/cpu/suppliers/native/x64/code.js';
import { rdi } from '../dist/src/engine/cpu/suppliers/native/x64/operands.js';
import {
  avx2,
  avx512,
  avx512Bf16,
  elementsPerWord,
  registerOf,
} from '../dist/src/engine/cpu/suppliers/native/x64/vector-set.js';
import { wasmProducts } from '../dist/src/engine/cpu/suppliers/wasm-products.js';
import { libraryProducts } from './library-products.mjs';

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
  return bestInTurns(calls, [() => run])[0];
}

/** As `best`, of several that take turns; each gives what is to be timed after it has prepared for it. */
function bestInTurns(calls, runs) {
  const least = runs.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    runs.forEach((prepare, which) => {
      const run = prepare();
      const before = process.cpuUsage();
      for (let i = 0; i < calls; i++) run();
      const { user, system } = process.cpuUsage(before);
      least[which] = Math.min(least[which], (user + system) / 1000 / calls);
    });
  }
  return least;
}

const wasmSets = instructionSets.slice(0, instructionSets.indexOf(bestInstructionSet()) + 1);
const generatedSets = ['float32', 'bf16'].flatMap((operands) => generationSupport(operands).sets);

/** [name, products] of everything that works here. */
function suppliers() {
  const rivals = libraryProducts(memory);
  const oneDnn = installedLibraries().find(({ library }) => library === 'onednn');
  const inBf16 = () => openLibrary('onednn', oneDnn.path).products(loadKernels(memory), memory);
  return [
    ...generatedSets.map((set) => [`native ${set}`, generatedProducts(set, memory)]),
    ...rivals,
    ...(oneDnn && hasBf16(thisProcessor()) ? [['oneDNN bf16', inBf16()]] : []),
    ...wasmSets.map((set) => [set, wasmProducts(loadKernels(memory, set))]),
  ];
}

/** GFLOP/s of multiply-adds that wait for nothing. */
function peak(set) {
  const asm = new Assembler();
  const loop = new Label();
  const sums = set.registers - 4;
  const register = (number) => registerOf(set, number);
  for (let i = 0; i < set.registers; i++) set.zero(asm, register(i));
  asm.align(64);
  asm.bind(loop);
  for (let i = 0; i < sums; i++) set.multiplyAdd(asm, register(i), register(sums), register(sums + 1));
  asm.sub(rdi, 1);
  asm.j('ne', loop);
  asm.vzeroupper();
  asm.ret();
  const { multiplyAdd } = loadCode(asm.finish(), { multiplyAdd: { offset: 0, parameters: 1 } });
  const repeats = 100_000;
  const ms = best(1, () => multiplyAdd(repeats));
  return (repeats * sums * (set.bytes / 2) * elementsPerWord(set)) / ms / 1e6;
}

// [weights, transA, transB, M, N, K]: the time steps of an LSTM, then its products over all time steps. Weights are
// prepared once a step.
const products = [
  [true, false, false, rows, 4 * H, H],
  [true, false, true, rows, H, 4 * H],
  [true, false, false, 36, 4 * H, H],
  [true, false, false, 7, 4 * H, H],
  [true, false, false, 1, 4 * H, H],
  [true, false, false, rows, H, H],
  [false, true, false, H, 4 * H, 800],
  [true, false, false, 800, 992, H],
  [true, false, false, 800, V, H],
  [true, false, false, 800, 4 * H, 256],
  [true, false, true, 800, H, V],
];

function timeProducts() {
  const list = suppliers();
  const kernels = loadKernels(memory);
  for (const set of [avx2, avx512, avx512Bf16].filter(({ name }) => generatedSets.includes(name))) {
    console.log(`${set.name} multiply-adds from registers: ${peak(set).toFixed(1)} GFLOP/s`);
  }
  console.log(`\nGFLOP/s${' '.repeat(29)}${list.map(([name]) => name.padStart(20)).join('')}`);
  for (const [weights, transA, transB, M, N, K] of products) {
    const [c, prepared, scratch] = [32 * MiB, 48 * MiB, 64 * MiB];
    const operands = { float32: [0, 16 * MiB], bf16: [8 * MiB, 24 * MiB] };
    operands.float32.forEach((from, i) => {
      kernels.toBf16(from, (4 * MiB) / 2, operands.bf16[i], (4 * MiB) / 2, 1, (4 * MiB) / 2);
    });
    const use = { transposeB: transB, everyStep: M <= rows };
    const flops = 2 * M * N * K;
    const runs = list.map(([, products]) => {
      const [a, b] = operands[products.operands];
      const bytes = weights ? products.preparedBytes(use, N, K) : 0;
      if (bytes > scratch - prepared) throw new Error('the prepared operand does not fit its place');
      return () => {
        if (bytes === 0) return () => products.multiply(transA, transB, M, N, K, a, b, c, 0, scratch);
        products.prepare(transB, N, K, b, prepared);
        return () => products.multiplyPrepared(transB, M, N, K, a, prepared, c, 0, scratch);
      };
    });
    const times = bestInTurns(Math.ceil(1e8 / flops), runs);
    const shape = `(${M},${K})${transA ? 'ᵀ' : ''}·(${K},${N})${transB ? 'ᵀ' : ''}${weights ? ' prepared' : ''}`;
    console.log(shape.padEnd(36) + times.map((ms) => (flops / ms / 1e6).toFixed(1).padStart(20)).join(''));
  }
}

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
  softmaxLoss: [100 * V, () => k.softmaxLoss(64 * MiB, indices, 100, V, 0, 1)],
  dropoutMask: [800 * H, () => k.dropoutMask(indices, indices, 800, H, 231, 7, 1, 2 ** 31, 2, 32 * MiB)],
  columnSums: [800 * 4 * H, () => k.columnSums(0, 800, 4 * H, 4 * H, 32 * MiB)],
  sumByInput: [800 * 4 * H, () => k.sumByInput(0, indices, 800, 4 * H, 300, 32 * MiB)],
  'adam, 2 slots': [3 * MiB, () => k.adam(0, 20 * MiB, 40 * MiB, slots, 2, 0, 3 * MiB, 1e-3, 0.9, 0.999, 1e-8, 100)],
  largestMagnitude: [3 * MiB, () => k.largestMagnitude(0, 3 * MiB)],
  toBf16: [4 * H * H, () => k.toBf16(0, 4 * H, 32 * MiB, 4 * H, H, 4 * H)],
});

function timeElements(title, runs) {
  console.log(`\n${title}`);
  for (const [name, [count, run]] of Object.entries(runs)) {
    const ms = best(Math.ceil(4e5 / count), run);
    console.log(name.padEnd(36), (count / ms / 1e3).toFixed(0).padStart(7), 'million elements/s');
  }
}

timeProducts();
for (const instructionSet of wasmSets) timeElements(instructionSet, element(loadKernels(memory, instructionSet)));
for (const set of generationSupport('float32').sets) {
  const { rnnCell, lstmCell, lstmCellBackward } = element(generatedCells(set, memory, loadKernels(memory)));
  timeElements(`generated, ${set}`, { rnnCell, lstmCell, lstmCellBackward });
}
