import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { configToYaml, overriddenConfig, parseConfigText, resolveConfig } from '../../src/config/load.js';
import { UserError } from '../../src/errors.js';

const shapes = 'data: { builtin: shapes }\n';
const folder = mkdtempSync(join(tmpdir(), 'recap-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The message of the UserError that a config ends in. */
function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error('expected a UserError');
}

function complaint(text: string, ...sets: string[]): string {
  return messageOf(() => parseConfigText(text, 'a.yaml', sets));
}

function complaintOfFile(content: string | Uint8Array): string {
  const file = join(folder, 'a.yaml');
  writeFileSync(file, content);
  return messageOf(() => resolveConfig(file));
}

describe('a config', () => {
  it.each([
    [
      'train: { schedule: cosine, lrDecay: 0.9 }',
      'a.yaml:2: train.lrDecay is 0.9; expected null beside the schedule cosine',
    ],
    [
      'train: { schedule: { name: plateau } }\nvalidate: { everyEpochs: 0 }',
      'a.yaml:3: validate.everyEpochs is 0; expected at least 1, since the schedule plateau goes by validations.',
    ],
    [
      'train: { earlyStopping: { patience: 2 } }\nvalidate: { everyEpochs: 0 }',
      'a.yaml:3: validate.everyEpochs is 0; expected at least 1, since train.earlyStopping goes by validations.',
    ],
    [
      'validate: { metric: CIDEr, scores: { everyEpochs: 0 } }',
      'a.yaml:2: validate.scores.everyEpochs is 0; expected auto or at least 1, since validate.metric is CIDEr.',
    ],
    [
      'validate: { everyEpochs: 2, scores: { everyEpochs: 3 } }',
      'a.yaml:2: validate.scores.everyEpochs is 3; expected auto, 0 or a multiple of validate.everyEpochs, 2.',
    ],
    [
      'train: { selfCritical: { samples: 5 } }',
      'a.yaml:2: train.selfCritical.samples is 5; expected 0 where model.init names no checkpoint to start from.',
    ],
    [
      'model: { init: a }\ntrain: { selfCritical: { samples: 1 } }',
      'a.yaml:3: train.selfCritical.samples is 1; expected at least 2 with the baseline samples, or the baseline greedy.',
    ],
    [
      'model: { init: a }\ntrain: { selfCritical: { samples: 6 } }',
      'a.yaml:3: train.batchSize is left at its default 100; expected a multiple of train.selfCritical.samples, 6.',
    ],
    [
      'model: { init: a }\ntrain: { selfCritical: { samples: 5, reward: { CIDEr: 0 } } }',
      'a.yaml:3: train.selfCritical.reward.CIDEr is 0; expected above 0, or Bleu_4 above 0',
    ],
    [
      'model: { init: a }\ntrain: { selfCritical: { samples: 5 }, labelSmoothing: 0.1, scheduledSampling: { to: 0.2 } }',
      'a.yaml:3: train.labelSmoothing is 0.1; expected 0 beside train.selfCritical',
    ],
    ['validate: { parameters: ema }', 'a.yaml:2: validate.parameters is "ema"; expected auto or live where train.ema'],
    [
      'train: { schedule: { name: cosine, factor: 2 } }',
      'train.schedule.factor does not belong to this train.schedule; it goes with train.schedule.name step or plateau.',
    ],
    ['train: { schedule: linear }', 'train.schedule is "linear"; expected one of exponential, constant, step, cosine'],
    ['train: { optimizer: { name: sgd, nesterov: 1 } }', 'train.optimizer.nesterov is 1; expected true or false.'],
    [
      'train: { optimizer: { name: sgd, nesterov: true, momentum: 0 } }',
      'a.yaml:2: train.optimizer.nesterov is true; expected false where train.optimizer.momentum is 0.',
    ],
    [
      'train: { schedule: { name: cosine, steps: 10, warmup: 10 } }',
      'a.yaml:2: train.schedule.warmup is 10; expected less than train.schedule.steps, 10.',
    ],
    [
      'train: { earlyStopping: { minDelta: 0.1 } }',
      'a.yaml:2: train.earlyStopping.minDelta is 0.1; expected 0 where train.earlyStopping.patience is null.',
    ],
    [
      'model: { attentionDim: 9 }',
      'a.yaml:2: model.attentionDim is 9; expected null, because model.attention is none.',
    ],
    ['model: { attentionToOutput: false }', 'a.yaml:2: model.attentionToOutput is false; expected true, because'],
  ])('makes sense as a whole: %s', (text, message) => {
    expect(complaint(shapes + text)).toContain(message);
  });

  it('says what the learning rate does where it was not said, and takes a bare word for a section', () => {
    expect(parseConfigText(shapes, 'a.yaml').train).toMatchObject({
      schedule: { name: 'exponential', warmup: 0 },
      lrDecay: 0.95,
      weightDecay: { rate: 0, biases: false, embeddings: false },
    });
    const text = `${shapes}train: { schedule: cosine, weightDecay: 0.01 }`;
    const sets = ['train.schedule.warmup=3', 'train.weightDecay.biases=true'];
    const config = parseConfigText(text, 'a.yaml', sets);
    expect(config.train).toMatchObject({
      schedule: { name: 'cosine', warmup: 3, steps: null, end: 0 },
      lrDecay: null,
      weightDecay: { rate: 0.01, biases: true, embeddings: false },
    });
    expect(parseConfigText(configToYaml(config), 'again.yaml')).toEqual(config);
    expect(parseConfigText(shapes, 'a.yaml', ['train.optimizer=sgd']).train.optimizer.name).toBe('sgd');
  });

  it('takes a key of a section that is left out for one of its default', () => {
    const config = parseConfigText(shapes, 'a.yaml', ['train.schedule.warmup=10', 'train.optimizer.beta1=0.5']);
    expect(config.train).toMatchObject({
      schedule: { name: 'exponential', warmup: 10 },
      lrDecay: 0.95,
      optimizer: { name: 'adam', beta1: 0.5 },
    });
  });

  it('needs no more than its data', () => {
    const config = parseConfigText(shapes, 'a.yaml');
    expect(config.train).toMatchObject({ batchSize: 100, optimizer: { learningRate: 1e-3 }, workers: 'auto' });
    expect(config.engine).toEqual({ name: 'auto' });
  });

  it.each(['auto', 'reference', 'cpu', '{ name: gpu, mode: webasm }', '{ name: cpu, precision: bf16 }'])(
    'written out with every default and read again is the same (engine %s)',
    (engine) => {
      const config = parseConfigText(`${shapes}engine: ${engine}\ntrain: { seed: 4294967295 }`, 'a.yaml');
      expect(parseConfigText(configToYaml(config), 'copy')).toEqual(config);
    },
  );

  it('takes an engine by name as that engine with its defaults', () => {
    expect(parseConfigText(`${shapes}engine: cpu`, 'a').engine).toEqual({
      name: 'cpu',
      blas: 'auto',
      precision: 'float32',
    });
  });

  it('may start with a byte order mark', () => {
    const file = join(folder, 'bom.yaml');
    writeFileSync(file, `\uFEFF${shapes}`);
    expect(resolveConfig(file).data.builtin).toBe('shapes');
  });
});

describe('a wrong config is refused with file, line, key, what was found and what was expected:', () => {
  it.each([
    [
      'wrong type',
      'train:\n  epochs: many',
      'a.yaml:3: train.epochs is "many"; expected a whole number from 1 to 1000000.',
    ],
    [
      'too large',
      'train: { batchSize: 1e30 }',
      'a.yaml:2: train.batchSize is 1e+30; expected a whole number from 1 to 65536.',
    ],
    [
      'infinite',
      'train: { lrDecay: .inf }',
      'a.yaml:2: train.lrDecay is Infinity; expected a number above 0, at most 1.',
    ],
    [
      'a fraction',
      'model: { hiddenDim: 2.5 }',
      'a.yaml:2: model.hiddenDim is 2.5; expected a whole number from 1 to 16384.',
    ],
    ['no such choice', 'model: { cell: gur }', 'a.yaml:2: model.cell is "gur"; expected one of rnn, lstm, gru.'],
    ['an empty section', 'train:', 'a.yaml:2: train is empty; expected keys and values: epochs,'],
    ['no such engine', 'engine: fast', 'a.yaml:2: engine is "fast"; expected one of auto, reference, gpu, cpu'],
    ['no such mode', 'engine: { name: gpu, mode: x }', 'a.yaml:2: engine.mode is "x"; expected one of auto, webgpu'],
    [
      "another engine's key",
      'engine: { name: gpu, blas: none }',
      'a.yaml:2: engine.blas does not belong to this engine; it goes with engine.name cpu.',
    ],
    [
      'a forget-gate bias without a forget gate',
      'model: { cell: gru, forgetBias: 1 }',
      'a.yaml:2: model.forgetBias is 1; expected 0, because the cell gru has no forget gate.',
    ],
    [
      'one table for vectors and scores of other widths',
      'model: { tieEmbeddings: true }',
      'a.yaml:2: model.tieEmbeddings is true; expected false, because model.wordDim is 256 and model.hiddenDim 512,',
    ],
    [
      'frozen word vectors without a file of them',
      'model: { wordVectorsTrained: false }',
      'a.yaml:2: model.wordVectorsTrained is false; expected true, because model.wordVectors names no file',
    ],
    [
      'word vectors from two files',
      'model: { init: a.safetensors, wordVectors: glove.txt }',
      'a.yaml:2: model.wordVectors is "glove.txt"; expected null, because the parameters of model.init hold',
    ],
    [
      'dropout of all elements',
      'model: { dropout: { hidden: 1 } }',
      'a.yaml:2: model.dropout.hidden is 1; expected a number from 0 to 0.99.',
    ],
    [
      'dropout of what nobody sees',
      'model: { dropout: { context: 0.5 } }',
      'a.yaml:2: model.dropout.context is 0.5; expected 0, because model.attention is none.',
    ],
    [
      'a misspelt key',
      'train:\n  batchsize: 3',
      'a.yaml:3: unknown key train.batchsize; did you mean train.batchSize?',
    ],
    ['a key without its section', 'batchSize: 3', 'a.yaml:2: unknown key batchSize; did you mean train.batchSize?'],
    ['a key like no other', 'zzzzzzzz: 3', 'a.yaml:2: unknown key zzzzzzzz.'],
    ['a key twice', 'train: { epochs: 1 }\ntrain: { epochs: 2 }', 'a.yaml:3: this key stands here a second time.'],
    ['two documents', '---\nengine: cpu', 'a.yaml:2: a second YAML document starts here; expected one.'],
    ['no YAML', 'train: "', 'a.yaml:2: not valid YAML: Missing closing "quote'],
  ])('%s', (_, text, message) => {
    expect(complaint(shapes + text)).toContain(message);
  });

  it('no data, or two sources of it', () => {
    expect(complaint('train: { epochs: 1 }')).toBe(
      'a.yaml:1: data is missing; expected either data.dir (a folder) or data.builtin (shapes).',
    );
    expect(complaint('data: { dir: x, builtin: shapes }')).toContain('expected either data.dir (a folder) or');
  });

  it.each(['', '- 1', '12', 'null', '# nothing'])('no keys and values: %j', (text) => {
    expect(complaint(text)).toMatch(/^a.yaml: found .*; expected a config of keys and values/);
  });

  it('at most three problems at a time, and how many more there are', () => {
    const text = Array.from({ length: 50 }, (_, i) => `key${i}: 1`).join('\n');
    const lines = complaint(shapes + text).split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[3]).toBe('and 47 more');
  });

  it('a file that is not there, cannot be read, is a folder, too large, binary or in another encoding', () => {
    expect(messageOf(() => resolveConfig(join(folder, 'none.yaml')))).toMatch(/^There is no config file .*none.yaml/);
    expect(messageOf(() => resolveConfig(folder))).toMatch(/is a folder; expected a config file/);
    expect(complaintOfFile(shapes.repeat(10_000))).toMatch(/larger than 65536 bytes/);
    expect(messageOf(() => resolveConfig(join(folder, 'a.yaml', 'b.yaml')))).toMatch(/ cannot be read: ENOTDIR/);
    expect(complaintOfFile(Uint8Array.of(1, 0, 2, 0))).toMatch(/is a binary file/);
    expect(complaintOfFile(Buffer.from(`\uFEFF${shapes}`, 'utf16le'))).toMatch(/is UTF-16 text; save it as UTF-8/);
    expect(complaintOfFile(Uint8Array.of(0x61, 0x3a, 0x20, 0xe9))).toMatch(/is not UTF-8 text/);
  });

  it('a pipe, which is not waited for, and a device', () => {
    const pipe = join(folder, 'pipe.yaml');
    execFileSync('mkfifo', [pipe]);
    expect(messageOf(() => resolveConfig(pipe))).toBe(`${pipe} is a pipe; expected a config file in YAML.`);
    const device = '/dev/zero';
    expect(messageOf(() => resolveConfig(device))).toBe(`${device} is a device; expected a config file in YAML.`);
  });

  it.each([
    [
      'explode',
      Array.from({ length: 20 }, (_, i) => `k${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`)
        .join('\n')
        .replace(/\*a-1/g, 'x'),
    ],
    ['run in circles', 'data: &a { dir: *a }'],
  ])('anchors that %s', (_, text) => {
    expect(complaint(text)).toBe('a.yaml: write values out; aliases (*name) are not read here.');
  });

  it.each(['[', '{a: ', '- ', '? '])('nesting without end: %j', (opening) => {
    expect(complaint(opening.repeat(15_000))).toBe('a.yaml:1: the YAML is nested too deeply.');
  });
});

describe('--set', () => {
  function set(...sets: string[]) {
    return parseConfigText(shapes, 'a.yaml', sets);
  }

  it('overrides one key, the value read as YAML, the last one winning', () => {
    expect(set('train.epochs=3', 'train.epochs=7').train.epochs).toBe(7);
    expect(set('train.optimizer.learningRate=2e-3').train.optimizer).toMatchObject({ learningRate: 2e-3, beta1: 0.9 });
    expect(set('engine={name: gpu, mode: webasm}').engine).toEqual({ name: 'gpu', mode: 'webasm' });
    expect(set('engine=gpu', 'engine.mode=webgpu').engine).toEqual({ name: 'gpu', mode: 'webgpu' });
  });

  it('of one source of data takes the place of the other', () => {
    expect(set('data.dir=d').data).toMatchObject({ dir: 'd', builtin: null });
    expect(set('data.dir=d', 'data.builtin=shapes').data).toMatchObject({ dir: null, builtin: 'shapes' });
  });

  it('goes over a config that has been checked, as when a run is resumed', () => {
    const config = set('train.epochs=3');
    expect(overriddenConfig(config, ['train.epochs=9']).train).toEqual({ ...config.train, epochs: 9 });
    expect(config.train.epochs).toBe(3);
    expect(messageOf(() => overriddenConfig(config, ['train.epochs=0']))).toContain('--set train.epochs=0: ');
  });

  it.each([
    ['train.batchSize=many', '--set train.batchSize=many: train.batchSize is "many"; expected a whole number'],
    ['train.batchsize=3', '--set train.batchsize=3: unknown key train.batchsize; did you mean train.batchSize?'],
    [
      'engine.precision=bf16',
      '--set engine.precision=bf16: engine.precision does not belong to this engine; it goes with engine.name cpu.',
    ],
    ['train', '--set train: expected KEY=VALUE, such as train.epochs=20.'],
    ['=3', '--set =3: expected KEY=VALUE'],
    ['train.epochs=[', '--set train.epochs=[: the value is not valid YAML'],
    ['train.epochs=&a [*a]', 'the value is not valid YAML'],
    ['train={__proto__: {x: 1}}', 'unknown key train.__proto__'],
    ['__proto__.x=1', '--set __proto__.x=1: unknown key __proto__.x'],
    ['constructor.prototype.x=1', 'unknown key constructor.prototype.x'],
    ['train.__proto__.x=1', 'unknown key train.__proto__.x'],
  ])('%s is refused', (text, message) => {
    expect(messageOf(() => set(text))).toContain(message);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});
