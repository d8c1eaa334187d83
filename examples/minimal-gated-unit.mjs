/**
 * A cell of one's own: the minimal gated unit (Zhou et al. 2016), written forward only, gradient-checked, trained on all
 * cores, stopped and gone on with. Run: node examples/minimal-gated-unit.mjs
 */
import { rmSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { captionerFamily, configOf, differentiate, gradientCheck, parameter, resumeRun, startRun } from 'recap';

/** f = σ(x_f + h·Wf), n = tanh(x_n + (f∘h)·Wn), h' = (1-f)∘h + f∘n; x holds both parts, H columns each. */
const mgu = differentiate({
  name: 'mgu',
  gates: 2,
  state: ['h'],
  parameters: (H) => [
    parameter('Wf', [H, H], { normal: 1 / Math.sqrt(H) }),
    parameter('Wn', [H, H], { normal: 1 / Math.sqrt(H) }),
  ],
  forward(ops, { Wf, Wn }, x, { h }) {
    const H = h.columns;
    const f = ops.sigmoid(ops.add(ops.columnsOf(x, 0, H), ops.matmul(h, Wf)));
    const n = ops.tanh(ops.add(ops.columnsOf(x, H, H), ops.matmul(ops.multiply(f, h), Wn)));
    return { h: ops.add(ops.multiply(ops.oneMinus(f), h), ops.multiply(f, n)) };
  },
});

/** Workers import this module and make the model from it, too. */
export const family = captionerFamily('minimal gated unit', import.meta.url, mgu);

if (isMainThread) {
  const config = configOf({
    data: { builtin: 'shapes' },
    model: { wordDim: 32, hiddenDim: 64 },
    train: { epochs: 3, batchSize: 50, shards: 2, optimizer: { learningRate: 4e-3 } },
  });
  const small = { ...config, model: { ...config.model, wordDim: 4, hiddenDim: 5 } };
  for await (const { name, relativeError } of gradientCheck(small, { family })) {
    console.log(`gradient of ${name}: relative error ${relativeError.toExponential(1)}`);
  }

  const dir = process.argv[2] ?? 'runs/mgu';
  rmSync(dir, { recursive: true, force: true });
  const afterOneEpoch = new AbortController();
  /** @type {Partial<import('recap').RunEvents>} */
  const events = {
    validated(epoch, { loss }) {
      console.log(`epoch ${epoch}: validation loss ${loss.toFixed(4)}`);
      afterOneEpoch.abort();
    },
  };
  const { step } = await startRun(config, dir, { family, events, signal: afterOneEpoch.signal });
  console.log(`stopped after step ${step}`);
  const { lastStep, checkpoints } = await resumeRun(dir, [], { family, events });
  console.log(`done after step ${lastStep}: ${checkpoints.best}`);
}
