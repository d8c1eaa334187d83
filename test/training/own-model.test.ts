/** Models that recap does not bring along: a cell and an input of a program's own, through a whole run. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configOf } from '../../src/config/load.js';
import { datasetOf } from '../../src/data/memory-dataset.js';
import { normals } from '../../src/data/random.js';
import { UserError } from '../../src/errors.js';
import { family as captioners } from '../../src/model/captioner.js';
import type { ModelFamily } from '../../src/model/family.js';
import { readCheckpoint } from '../../src/training/checkpoints/checkpoint.js';
import { gradientCheck } from '../../src/training/checks/gradient-check.js';
import { captionInputs } from '../../src/training/loop/caption-images.js';
import { resumeRun, startRun } from '../../src/training/run/train.js';
import { resultOf, temporaryFolder, watched } from './runs.js';

let folder: string;
let tagged: ModelFamily;
beforeAll(async () => {
  folder = temporaryFolder();
  ({ family: tagged } = await import('../fixtures/tagged-captioner.mjs' as string));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Images whose caption is told by their tags alone. */
function taggedImages(count: number) {
  const kinds = ['cat', 'dog', 'horse'];
  const inputs = {
    features: { data: Float32Array.from(normals(5, 'features', count * 4)), rows: count, columns: 4 },
    tags: { data: new Float32Array(count * 3), rows: count, columns: 3 },
  };
  const captions = Array.from({ length: count }, (_, image) => {
    inputs.tags.data[image * 3 + (image % 3)] = 1;
    return { image, text: `a ${kinds[image % 3]}` };
  });
  return { inputs, captions };
}

const dataset = datasetOf({ train: taggedImages(30), val: taggedImages(6) });

function config(workers: number) {
  return configOf({
    model: { wordDim: 8, hiddenDim: 12 },
    train: { epochs: 12, batchSize: 10, shards: 2, workers, optimizer: { learningRate: 0.05 } },
    engine: { name: 'cpu', blas: 'none' },
  });
}

describe('a model with an input of its own', () => {
  it('learns from it what the features do not tell, on one worker and two to the same bits, and captions with it', async () => {
    const outcomes = [];
    for (const workers of [1, 2]) {
      const dir = join(folder, `tags-${workers}`);
      outcomes.push(await startRun(config(workers), dir, { family: tagged, dataset }));
    }
    expect(resultOf(join(folder, 'tags-2'))).toEqual(resultOf(join(folder, 'tags-1')));
    const checkpoint = readCheckpoint(outcomes[0]!.checkpoints.newest!);
    const { inputs } = taggedImages(3);
    const { captions } = await captionInputs(checkpoint, inputs, { family: tagged });
    expect(captions).toEqual(['a cat', 'a dog', 'a horse']);

    const { features } = inputs;
    await expect(captionInputs(checkpoint, { features }, { family: tagged })).rejects.toThrow(
      'needs the input tags of 3 columns, which is missing.',
    );
    const refused = captionInputs(checkpoint, inputs);
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow('holds a model of the family "captioner of features and tags"');
  });

  it('is refused where workers cannot make the same one', async () => {
    const start = (url: string) =>
      startRun(config(1), join(folder, `refused-${url.length}`), { family: { ...tagged, url }, dataset });
    await expect(start('data:text/javascript,')).rejects.toThrow(
      'exports no family, which workers make the model from.',
    );
    await expect(start(captioners.url)).rejects.toThrow('makes another model in a worker than it made before.');
  });

  it('has the numeric gradient of every parameter', async () => {
    const options = { family: tagged, load: () => dataset };
    for await (const { name, relativeError } of gradientCheck(config(1), options)) {
      expect(relativeError, name).toBeLessThan(1e-5);
    }
  });

  it('goes on from its checkpoint to the bit, and only with the same data', async () => {
    const dir = join(folder, 'tags-stopped');
    const watch = watched({ step: ({ step }) => step === 7 && watch.stop() }, { family: tagged, dataset });
    expect(await startRun(config(2), dir, watch.options)).toMatchObject({ step: 7, stopped: true });
    const others = datasetOf({ train: taggedImages(27), val: taggedImages(6) });
    await expect(resumeRun(dir, [], { family: tagged, dataset: others })).rejects.toThrow(
      'The data is not what this run was trained on',
    );
    await expect(resumeRun(dir, [], { family: tagged })).rejects.toThrow('data.dir: not set.');
    await resumeRun(dir, [], { family: tagged, dataset });
    expect(resultOf(dir)).toEqual(resultOf(join(folder, 'tags-1')));
  });
});
