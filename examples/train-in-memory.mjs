/**
 * Data that a program has in memory: trains on it, captions a matrix of features. Run: node examples/train-in-memory.mjs
 */
import { captionInputs, configOf, datasetOf, readCheckpoint, startRun } from 'recap';

const colours = ['red', 'green', 'blue'];
const sizes = ['small', 'large'];

/** An image is (red, green, blue, size); its caption says them. */
const images = Array.from({ length: 60 }, (_, i) => ({ colour: i % 3, size: i % 2 }));
const features = {
  rows: images.length,
  columns: 4,
  data: Float32Array.from(
    images.flatMap(({ colour, size }) => [0, 1, 2].map((c) => Number(c === colour)).concat(size)),
  ),
};
const captions = images.map(({ colour, size }, image) => ({ image, text: `a ${sizes[size]} ${colours[colour]} ball` }));
const dataset = datasetOf({ train: { inputs: { features }, captions } });

const config = configOf({
  model: { cell: 'gru', wordDim: 8, hiddenDim: 16 },
  train: { epochs: 40, batchSize: 20, optimizer: { learningRate: 0.02 }, workers: 2 },
});
const { loss, checkpoints } = await startRun(config, process.argv[2] ?? `runs/balls-${Date.now()}`, { dataset });
console.log(`loss ${loss?.toFixed(3)}`);
if (checkpoints.newest === null) throw new Error('no checkpoint could be written');

const unseen = { data: Float32Array.of(0, 1, 0, 1, 0, 0, 1, 0), rows: 2, columns: 4 };
const { captions: written } = await captionInputs(readCheckpoint(checkpoints.newest), { features: unseen });
for (const caption of written) console.log(caption);
