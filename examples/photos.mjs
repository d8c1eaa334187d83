/**
 * From a folder of photos and a captions.txt among them (the name of a photo, a tab, its caption) to captions of other
 * photos. Run: node examples/photos.mjs PHOTOS OTHER-PHOTOS NEW-FOLDER
 */
import { join } from 'node:path';
import { captionPhotos, configOf, extractFeatures, openBuiltIn, prepare, readCheckpoint, startRun } from 'recap';

const [photos, others, out] = process.argv.slice(2);
if (!photos || !others || !out) throw new Error('PHOTOS, OTHER-PHOTOS and NEW-FOLDER are needed');
const data = join(out, 'data');

const report = await prepare({ captions: [join(photos, 'captions.txt')], images: [photos], out: data, minCount: 2 });
console.log(`${report.vocabulary} words`);

// Statistics of colour and texture; openNetwork takes a network, whose features describe photos far better.
const extractor = await openBuiltIn();
await extractFeatures(data, extractor);
await extractor.close();

const config = configOf({
  data: { dir: data, standardize: true },
  model: { cell: 'gru', wordDim: 16, hiddenDim: 32 },
  train: { epochs: 30, batchSize: 10, optimizer: { learningRate: 0.01 }, workers: 2 },
});
const { checkpoints } = await startRun(config, join(out, 'run'), {});
if (checkpoints.best === null) throw new Error('no checkpoint could be written');

for (const caption of await captionPhotos(readCheckpoint(checkpoints.best), [others])) {
  console.log(`${caption.photo}  ${'error' in caption ? caption.error : caption.decoded[0]?.text}`);
}
