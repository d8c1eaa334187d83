/**
 * The training loop in one's own hands: a trainer, its steps, a look at the loss, captions beside true ones, and going on
 * from a checkpoint's parameters. Run: node examples/training-loop.mjs
 */
import { configOf, createTrainer, sampleCaptions, trainingSteps, validationLoss } from 'recap';

const config = configOf({
  data: { builtin: 'shapes' },
  model: { cell: 'lstm', layers: 2, residual: true, wordDim: 32, hiddenDim: 48, init: process.argv[2] ?? null },
  train: { batchSize: 50, optimizer: { learningRate: 4e-3 } },
});
const trainer = await createTrainer(config);
const { coordinator, dataset } = trainer;
try {
  for await (const { step, loss, learningRate } of trainingSteps(trainer, 1, 60)) {
    if (step % 20 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}, learning rate ${learningRate}`);
  }
  const validation = await validationLoss(coordinator, dataset.val);
  if (validation) console.log(`validation loss ${validation.loss.toFixed(3)}`);
  for (const { truth, generated } of await sampleCaptions(coordinator, dataset.val, dataset.vocabulary, 3)) {
    console.log(`true: ${truth}\n   generated: ${generated}`);
  }
} finally {
  await coordinator.close();
}
