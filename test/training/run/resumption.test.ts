import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfigText } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import { allocateSharedMemory } from '../../../src/engine/shared-memory.js';
import { UserError } from '../../../src/errors.js';
import { family } from '../../../src/model/captioner.js';
import { layoutOf } from '../../../src/tensor/layout.js';
import type { Precision } from '../../../src/tensor/matrix.js';
import { stateOfRule } from '../../../src/tensor/update-rules.js';
import { arithmeticVersion } from '../../../src/training/checkpoints/arithmetic-version.js';
import { restoreCheckpoint } from '../../../src/training/checkpoints/checkpoint.js';
import { CheckpointWriter } from '../../../src/training/checkpoints/checkpoint-writer.js';
import { checkChanges } from '../../../src/training/run/resumption.js';
import { resumeRun, startOrResumeRun, startRun, type TrainOptions } from '../../../src/training/run/train.js';
import { version } from '../../../src/version.js';
import { loggedSteps, newRun, Train } from '../../e2e/processes.js';
import { forge } from '../checkpoints/checkpoint-fixtures.js';
import {
  bestCheckpoint,
  newestCheckpoint,
  readMetrics,
  resultOf,
  smallConfig,
  temporaryFolder,
  trainUntil,
  type Watched,
  watched,
  writeData,
} from '../runs.js';

let data: string;
let folder: string;
let config: Config;
beforeAll(async () => {
  data = await writeData();
  folder = temporaryFolder();
  config = smallConfig(data);
});
afterAll(() => {
  for (const each of [data, folder]) rmSync(each, { recursive: true, force: true });
});

/** Another value of every key that a config has. */
const others: Readonly<Record<string, unknown>> = {
  'data.dir': '/elsewhere',
  'data.builtin': 'shapes',
  'data.features': 'fc7_pca',
  'data.trainLimit': 3,
  'data.tokens': 'char',
  'data.grid': true,
  'data.gridPrecision': 'float32',
  'data.holdOut': 5,
  'data.views': 1,
  'data.standardize': true,
  'model.cell': 'rnn',
  'model.layers': 2,
  'model.residual': true,
  'model.wordDim': 17,
  'model.hiddenDim': 25,
  'model.forgetBias': 1,
  'model.tieEmbeddings': true,
  'model.wordVectors': 'vectors.txt',
  'model.wordVectorsTrained': false,
  'model.imageTo': 'everyStep',
  'model.dropout.words': 0.1,
  'model.dropout.hidden': 0.2,
  'model.dropout.image': 0.3,
  'model.dropout.context': 0.1,
  'model.attention': 'additive',
  'model.attentionDim': 3,
  'model.attentionToOutput': false,
  'model.attentionPenalty': 0.1,
  'model.init': 'some.safetensors',
  'train.epochs': 4,
  'train.batchSize': 7,
  'train.sampling': 'sequential',
  'train.optimizer.name': 'sgd',
  'train.optimizer.learningRate': 0.02,
  'train.optimizer.beta1': 0.8,
  'train.optimizer.beta2': 0.9,
  'train.optimizer.epsilon': 1e-7,
  'train.schedule.name': 'constant',
  'train.schedule.warmup': 5,
  'train.lrDecay': 0.8,
  'train.weightDecay.rate': 0.1,
  'train.weightDecay.biases': true,
  'train.weightDecay.embeddings': true,
  'train.clip.norm': 1,
  'train.clip.value': 1,
  'train.accumulate': 2,
  'train.ema': 0.99,
  'train.earlyStopping.patience': 3,
  'train.earlyStopping.minDelta': 0.1,
  'train.labelSmoothing': 0.1,
  'train.scheduledSampling.from': 0.1,
  'train.scheduledSampling.to': 0.2,
  'train.selfCritical.samples': 5,
  'train.selfCritical.baseline': 'greedy',
  'train.selfCritical.temperature': 0.5,
  'train.selfCritical.reward.CIDEr': 2,
  'train.selfCritical.reward.Bleu_4': 1,
  'train.selfCritical.tokens': 'words',
  'train.scheduledSampling.epochs': 3,
  'train.seed': 232,
  'train.workers': 3,
  'train.shards': 4,
  'train.onNonFinite': 'skip',
  'train.taskSeconds': 7,
  'train.reduction': 'fast',
  'train.rankSeconds': 7,
  'engine.name': 'gpu',
  'engine.blas': 'auto',
  'engine.precision': 'bf16',
  'checkpoint.everySteps': 9,
  'checkpoint.keep': 9,
  'validate.everyEpochs': 2,
  'validate.captions': 1,
  'validate.parameters': 'live',
  'validate.metric': 'CIDEr',
  'validate.scores.everyEpochs': 1,
  'validate.scores.tokens': 'words',
  'report.tensorboard': true,
};

/** Every dotted key of a config that holds a value. */
function leaves(tree: object, prefix = ''): string[] {
  return Object.entries(tree).flatMap(([key, value]) =>
    value !== null && typeof value === 'object' ? leaves(value, `${prefix}${key}.`) : [prefix + key],
  );
}

function changed(key: string, value: unknown, from = config): Config {
  const copy = structuredClone(from);
  const path = key.split('.');
  const last = path.pop()!;
  let place = copy as unknown as Record<string, unknown>;
  for (const part of path) place = place[part] as Record<string, unknown>;
  place[last] = value;
  return copy;
}

const changeable: readonly string[] = [
  'data.dir',
  'train.epochs',
  'train.workers',
  'train.taskSeconds',
  'train.reduction',
  'train.rankSeconds',
  'train.onNonFinite',
  'checkpoint.everySteps',
  'checkpoint.keep',
  'validate.everyEpochs',
  'validate.captions',
  'validate.scores.everyEpochs',
  'report.tensorboard',
];
const mayChange = (key: string) => changeable.includes(key);

describe('a config changed before a run goes on', () => {
  it('has another value here for each of its keys', () => {
    expect(Object.keys(others).sort()).toEqual(leaves(config).sort());
  });

  it.each(Object.entries(others).filter(([key]) => mayChange(key)))('may have another %s: %j', (key, value) => {
    expect(checkChanges('RUN', config, changed(key, value))).toEqual([expect.stringMatching(`^${key}: .+ → .+$`)]);
  });

  it.each(Object.entries(others).filter(([key]) => !mayChange(key)))('may not have another %s', (key, value) => {
    const before = key.split('.').reduce<unknown>((tree, part) => (tree as Record<string, unknown>)[part], config);
    const refusal = `The run in RUN cannot go on with another ${key}: ${JSON.stringify(before)} → ${JSON.stringify(value)}.`;
    expect(() => checkChanges('RUN', config, changed(key, value))).toThrow(UserError);
    expect(() => checkChanges('RUN', config, changed(key, value))).toThrow(refusal);
  });

  it.each([
    ['train.schedule=cosine', 'train.epochs', 4, 'the schedule cosine is as long as the run'],
    ['train.schedule=oneCycle', 'train.epochs', 4, 'the schedule oneCycle is as long as the run'],
    ['train.schedule=plateau', 'validate.everyEpochs', 2, 'the schedule plateau goes by validations'],
    ['train.earlyStopping.patience=2', 'validate.everyEpochs', 2, 'train.earlyStopping goes by validations'],
  ])('may not have, with %s, another %s', (set, key, value, why) => {
    const own = smallConfig(data, ['train.lrDecay=null', set]);
    const refusal = new RegExp(`^The run in RUN cannot go on with another ${key}: \\d → ${value}, since ${why}`);
    expect(() => checkChanges('RUN', own, changed(key, value, own))).toThrow(UserError);
    expect(() => checkChanges('RUN', own, changed(key, value, own))).toThrow(refusal);
  });

  it('may have other epochs where the schedule has a length of its own', () => {
    const own = smallConfig(data, ['train.lrDecay=null', 'train.schedule={name: cosine, steps: 100}']);
    expect(checkChanges('RUN', own, changed('train.epochs', 4, own))).toEqual(['train.epochs: 3 → 4']);
  });

  it('is nothing where it says the same in another order', () => {
    const { model, ...rest } = structuredClone(config);
    expect(checkChanges('RUN', { ...rest, model }, config)).toEqual([]);
  });
});

describe('a run that goes on', () => {
  /** A run stopped after its second step. */
  async function stopped(name: string, more: readonly string[] = []): Promise<string> {
    const dir = join(folder, name);
    await trainUntil({ afterStep: 2 }, dir, { config: smallConfig(data, more) });
    return dir;
  }

  it('takes every change that it may, tells it, and keeps it', async () => {
    const dir = await stopped('changes');
    const watch = watched();
    const sets = ['train.epochs=2', 'train.workers=3', 'train.taskSeconds=50', 'checkpoint={everySteps: 2, keep: 1}'];
    await resumeRun(dir, [...sets, 'validate.everyEpochs=2'], watch.options);
    expect(watch.notes).toEqual([
      'changed: train.epochs: 3 → 2',
      'changed: train.workers: 2 → 3',
      'changed: train.taskSeconds: 300 → 50',
      'changed: checkpoint.everySteps: 1000 → 2',
      'changed: checkpoint.keep: 100 → 1',
      'changed: validate.everyEpochs: 1 → 2',
    ]);
    expect(parseConfigText(readFileSync(join(dir, 'config.yaml'), 'utf8'), 'config').train.epochs).toBe(2);
    expect(readMetrics(dir).filter(({ type }) => type === 'validation')).toMatchObject([{ epoch: 2 }]);
    expect(readdirSync(join(dir, 'checkpoints')).sort()).toEqual(['best.safetensors', 'step-8.safetensors']);
  });

  it('trains longer after it was complete, as if it had been meant to from the start', async () => {
    const dir = join(folder, 'longer');
    await trainUntil(null, dir, { config: smallConfig(data, ['train.epochs=1']) });
    expect(await resumeRun(dir, [], watched().options)).toMatchObject({ alreadyComplete: true, saved: true });
    await trainUntil(null, dir, { sets: ['train.epochs=3'] });
    const recorded = readFileSync(join(dir, 'config.yaml'), 'utf8');
    const fewer = trainUntil(null, dir, { sets: ['train.epochs=2'] });
    await expect(fewer).rejects.toThrow(
      /has \d+ steps done, more than the \d+ of train\.epochs 2\. Leave that out, or/,
    );
    expect(readFileSync(join(dir, 'config.yaml'), 'utf8')).toBe(recorded);
    const whole = join(folder, 'long-from-start');
    await trainUntil(null, whole, { config });
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('stops early when validations do not become better, and then has nothing left to do', async () => {
    const dir = join(folder, 'early');
    const sets = ['train.epochs=20', 'train.earlyStopping={patience: 2, minDelta: 1000}'];
    await trainUntil({ afterValidationOf: 2 }, dir, { config: smallConfig(data, sets) });
    const outcome = await resumeRun(dir, [], watched().options);
    expect(outcome).toMatchObject({ step: 12, lastStep: 80, stopped: false, stoppedEarly: true });
    const { earlyStopping, bestValidation } = newestCheckpoint(dir).state;
    expect(earlyStopping.waited).toBe(2);
    // By less than minDelta, but it is the best all the same.
    expect(bestValidation).toBeLessThan(earlyStopping.best!);
    const again = await resumeRun(dir, [], watched().options);
    expect(again).toMatchObject({ step: 12, alreadyComplete: true, stoppedEarly: true });
  });

  it('refuses another model on the command line with exit code 2 and one line', async () => {
    const dir = await stopped('refused');
    const { status, stderr } = await new Train(['--resume', dir, '--set', 'model.hiddenDim=25']).ended;
    expect(status).toBe(2);
    expect(stderr).toMatch(/^recap: The run in [^\n]* cannot go on with another model\.hiddenDim: 24 → 25\.[^\n]*\n$/);
    expect(newestCheckpoint(dir).state.step).toBe(2);
  });

  it('finds its data where it has moved, and refuses other data by their checksum', async () => {
    const dir = await stopped('moved');
    const moved = join(folder, 'moved-data');
    renameSync(data, moved);
    try {
      await expect(resumeRun(dir, [], watched().options)).rejects.toThrow(`${data}: no such folder.`);
      for (const spoiled of [
        await writeData({ seed: 6 }),
        await writeData({ spoil: (features) => features.fill(0.5, 0, 1) }),
      ]) {
        const resumed = resumeRun(dir, [`data.dir=${spoiled}`], watched().options);
        await expect(resumed).rejects.toThrow(UserError);
        await expect(resumed).rejects.toThrow(/^The data is not what this run was trained on \(checksum/);
        rmSync(spoiled, { recursive: true });
      }
      await trainUntil(null, dir, { sets: [`data.dir=${moved}`] });
    } finally {
      renameSync(moved, data);
    }
    const whole = join(folder, 'unmoved');
    await trainUntil(null, whole, { config });
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('goes back to the newest whole checkpoint and says so', async () => {
    const dir = join(folder, 'damaged');
    const sets = ['checkpoint.everySteps=1', 'train.epochs=2'];
    await trainUntil({ afterStep: 5 }, dir, { config: smallConfig(data, sets) });
    const damaged = join(dir, 'checkpoints', 'step-5.safetensors');
    const bytes = readFileSync(damaged);
    bytes[bytes.length - 9]! ^= 1;
    writeFileSync(damaged, bytes);
    appendFileSync(join(dir, 'metrics.jsonl'), '{"type":"step","step":6,"lo');
    const { options, warnings } = watched();
    await resumeRun(dir, [], options);
    expect(warnings).toEqual([`${damaged} is damaged: its contents do not match its checksum. It is passed over.`]);
    const whole = join(folder, 'undamaged');
    await startRun(smallConfig(data, sets), whole, watched().options);
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('makes up a validation however often it is stopped while it does, and loses no best checkpoint by that', async () => {
    const dir = join(folder, 'made-up');
    // Each validation is better than the one before.
    await trainUntil({ afterStep: 4 }, dir, { config });
    for (let stop = 0; stop < 3; stop++) {
      expect(await trainUntil({ atStart: true }, dir, { sets: [] })).toMatchObject({ step: 4, best: null });
      expect(readMetrics(dir).map(({ type }) => type)).toEqual(['step', 'step', 'step', 'step']);
    }
    await trainUntil({ afterStep: 5 }, dir, { sets: [] });
    expect(bestCheckpoint(dir)?.state.step).toBe(4);
    await trainUntil(null, dir, { sets: [] });
    const whole = join(folder, 'not-made-up');
    await trainUntil(null, whole, { config });
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('tells the mean loss of a whole epoch, those steps included that came before it stopped', async () => {
    const meansOf = async (
      dir: string,
      stopAfter: number | null,
      train: (options: TrainOptions) => Promise<unknown>,
    ) => {
      const means: unknown[] = [];
      const watch: Watched = watched({
        step: ({ step }) => step === stopAfter && watch.stop(),
        epochEnded: ({ epoch }, meanLoss) => means.push([dir, epoch, meanLoss]),
      });
      await train(watch.options);
      return means.map((each) => (each as unknown[]).slice(1));
    };
    const [whole, stopped] = [join(folder, 'mean-whole'), join(folder, 'mean-stopped')];
    const expected = await meansOf(whole, null, (options) => startRun(config, whole, options));
    const means = await meansOf(stopped, 2, (options) => startRun(config, stopped, options));
    means.push(...(await meansOf(stopped, 7, (options) => resumeRun(stopped, [], options))));
    means.push(...(await meansOf(stopped, null, (options) => resumeRun(stopped, [], options))));
    expect(means).toEqual(expected);
    const first = readMetrics(whole).slice(0, 4) as unknown as { loss: number }[];
    // 20 captions, 6 a step.
    const sum = first.reduce((total, { loss }, i) => total + loss * (i < 3 ? 6 : 2), 0);
    expect(expected[0]).toEqual([1, expect.closeTo(sum / 20, 9)]);
  });

  it('has had a checkpoint if its log has a step, so that one killed at its very start has nothing to explain', async () => {
    const dir = join(folder, 'first-checkpoint');
    const there: boolean[] = [];
    const { options } = watched({ step: () => there.push(existsSync(join(dir, 'checkpoints', 'step-0.safetensors'))) });
    await startRun(smallConfig(data, ['checkpoint.everySteps=1', 'train.epochs=1']), dir, options);
    expect(there).toEqual([true, true, true, true]);
  });

  it('without its checkpoints begins again, says so, and keeps the old log', async () => {
    const dir = await stopped('no-checkpoints');
    const log = readFileSync(join(dir, 'metrics.jsonl'));
    rmSync(join(dir, 'checkpoints'), { recursive: true });
    const { options, warnings } = watched();
    await resumeRun(dir, [], options);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^\S+checkpoints holds no checkpoint, although \S+metrics\.jsonl tells of training, so the run begins again at step 0\. The old log is kept beside as metrics-1\.jsonl\./,
      ),
    ]);
    expect(readFileSync(join(dir, 'metrics-1.jsonl'))).toEqual(log);
    const whole = join(folder, 'with-checkpoints');
    await trainUntil(null, whole, { config });
    expect(resultOf(dir)).toEqual(resultOf(whole));
  });

  it('without its log, or with a hole in it, says what is missing', async () => {
    const dir = await stopped('no-log');
    const log = join(dir, 'metrics.jsonl');
    const goOn = async () => {
      const watch: Watched = watched({ started: () => watch.stop() });
      await resumeRun(dir, [], watch.options);
      return watch.warnings;
    };
    const [first] = readFileSync(log, 'utf8').split('\n');
    writeFileSync(log, `${first}\n`);
    const after = 'before this resumption. The run goes on all the same.';
    expect(await goOn()).toEqual([`${log} lacks 1 of the 2 steps ${after}`]);
    rmSync(log);
    expect(await goOn()).toEqual([`${log} is not there; it held the 2 steps ${after}`]);
  });

  it('without its best checkpoint says so', async () => {
    const dir = join(folder, 'no-best');
    await trainUntil({ afterStep: 5 }, dir, { config });
    const best = join(dir, 'checkpoints', 'best.safetensors');
    rmSync(best);
    const { options, warnings } = watched();
    expect(await resumeRun(dir, [], options)).toMatchObject({ step: 12 });
    expect(warnings).toEqual([
      expect.stringMatching(
        /^The best checkpoint, of step 4 and a validation loss of \d+\.\d{4}, is not in \S+best\.safetensors\. The next validation with a lower loss is kept there\.$/,
      ),
    ]);
  });

  it('says where its arithmetic is not that of the checkpoint, and refuses that of a newer version by name', async () => {
    const dir = await stopped('arithmetic');
    const path = join(dir, 'checkpoints', 'step-2.safetensors');
    const say = (arithmetic: number, version: string) => (header: string) =>
      header
        .replace(/\\"arithmeticVersion\\":\d+/, String.raw`\"arithmeticVersion\":${arithmetic}`)
        .replace(/\\"data\\":\{/, String.raw`\"data\":{${version === '9.9.9' ? String.raw`\"newKey\":1,` : ''}`)
        .replace(/\\"recapVersion\\":\\"[^"]*"/, String.raw`\"recapVersion\":\"${version}\"`);
    forge(path, say(arithmeticVersion + 1, '9.9.9'));
    const refused = resumeRun(dir, [], watched().options);
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow(
      `${path} was written by recap 9.9.9 with arithmetic version ${arithmeticVersion + 1}; this is recap ${version} ` +
        `with arithmetic version ${arithmeticVersion}. Go on with the version that wrote it, or a newer one.`,
    );
    await expect(startOrResumeRun(config, dir, watched().options)).rejects.toThrow(
      `${path} was written by recap 9.9.9`,
    );
    forge(path, (header) => say(arithmeticVersion - 1, '0.0.1')(header).replace(String.raw`\"newKey\":1,`, ''));
    const { options, warnings } = watched();
    await resumeRun(dir, [], options);
    expect(warnings).toEqual([
      `This run was computed by recap 0.0.1 with arithmetic version ${arithmeticVersion - 1}, and goes on with recap ` +
        `${version} with arithmetic version ${arithmeticVersion}: its numbers may differ in the last digits from those of a run never stopped.`,
    ]);
    expect(newestCheckpoint(dir).state).toMatchObject({ arithmeticVersion, recapVersion: version });
  });

  it('warns where the library of matrix products it was computed with is missing, and goes on with another', async () => {
    const dir = await stopped('library', ['engine={name: cpu, blas: auto}']);
    await rewriteEngine(dir, { library: 'openblas', path: '/nowhere/libopenblas.so.0', version: '9', coreType: null });
    const { options, warnings } = watched();
    expect(await resumeRun(dir, [], options)).toMatchObject({ step: 12, saved: true });
    expect(warnings).toEqual([
      expect.stringMatching(
        /^This run was computed by .*, and goes on with .*: its numbers will differ in the last digits/,
      ),
    ]);
  });
});

describe('--resume auto', () => {
  it('starts the run, goes on with it as often as it is called, and does nothing when it is complete', async () => {
    const dir = join(folder, 'auto');
    // Endless, so that it is still running whenever the signal comes; its end is set once it has been stopped.
    const sets = ['train.epochs=100000', 'checkpoint.everySteps=5'];
    const words = [...newRun(smallConfig(data, sets), dir), '--resume', 'auto'];
    const stopped: number[] = [];
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT'] as const) {
      const train = new Train(words);
      const last = loggedSteps(dir);
      await train.until(() => loggedSteps(dir) > last);
      train.kill(signal);
      stopped.push((await train.ended).status ?? -1);
    }
    expect(stopped).toEqual([143, -1, 130]);
    const epochs = Math.ceil(loggedSteps(dir) / 4) + 1;
    words.push('--set', `train.epochs=${epochs}`);
    const last = await new Train(words).ended;
    expect(last).toMatchObject({ status: 0, stderr: '' });
    expect(last.stdout).toContain(`changed: train.epochs: 100000 → ${epochs}\n`);
    const whole = join(folder, 'auto-whole');
    await startRun(smallConfig(data, [...sets, `train.epochs=${epochs}`]), whole, watched().options);
    expect(resultOf(dir)).toEqual(resultOf(whole));

    const files = () =>
      [
        'metrics.jsonl',
        'config.yaml',
        ...readdirSync(join(dir, 'checkpoints')).map((name) => `checkpoints/${name}`),
      ].map((name) => readFileSync(join(dir, name)));
    const before = files();
    const { status, stdout, stderr } = await new Train(words).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`The run in ${dir} is complete: all ${4 * epochs} steps are done.`);
    expect(files()).toEqual(before);
  }, 600_000);

  it('takes from the config what may change and refuses the rest', async () => {
    const dir = join(folder, 'auto-changes');
    const resolvedLater = ['train.shards=auto', 'data.views=auto'];
    await trainUntil({ afterStep: 2 }, dir, { config: smallConfig(data, resolvedLater) });
    expect(readFileSync(join(dir, 'config.yaml'), 'utf8')).toContain('\n  views: 2\n');
    const other = smallConfig(data, ['model.hiddenDim=25', ...resolvedLater]);
    await expect(startOrResumeRun(other, dir, watched().options)).rejects.toThrow(
      `The run in ${dir} cannot go on with another model.hiddenDim: 24 → 25.`,
    );
    const { options, notes } = watched();
    const outcome = await startOrResumeRun(smallConfig(data, ['train.epochs=1', ...resolvedLater]), dir, options);
    expect(outcome).toMatchObject({ step: 4, alreadyComplete: false });
    expect(notes).toEqual(['changed: train.epochs: 3 → 1']);
  });
});

/** Replaces the engine that a run's newest checkpoint records, as if it came from another machine. */
async function rewriteEngine(dir: string, supplier: object): Promise<void> {
  const checkpoint = newestCheckpoint(dir);
  const { formatVersion, recapVersion, arithmeticVersion, runId, ...state } = checkpoint.state;
  const precision: Precision = 'float32';
  const layout = layoutOf(family.spec(state.model.options, state.model.dimensions).parameters);
  const memory = allocateSharedMemory({ layout, precision, states: stateOfRule.adam, shards: 1, arenaBytes: 0 });
  restoreCheckpoint(memory, checkpoint);
  const folderOfRun = join(dir, 'checkpoints');
  const writer = new CheckpointWriter({
    folder: folderOfRun,
    runId,
    memory,
    keep: 9,
    syncFirst: [],
    guardFile: folderOfRun,
  });
  await writer.save({ ...state, engineChoice: { name: 'cpu', precision, supplier } });
  await writer.close();
}
