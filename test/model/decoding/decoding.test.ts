import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../../src/engine/reference/reference-engine.js';
import type { Member } from '../../../src/model/decoding/decoder.js';
import {
  type DecodedCaption,
  type Decoding,
  type DecodingOptions,
  decodingOf,
  greedy,
} from '../../../src/model/decoding/decoding.js';
import { generateCaptions } from '../../../src/model/decoding/generate.js';
import { likeliestWords } from '../../../src/model/decoding/word-rules.js';
import { decodingPlan } from '../../../src/tensor/step-plan.js';
import { type CaptionerShape, imageInputs, memoryFor, raggedShard, specOf } from '../../support/shard.js';

const shape: CaptionerShape = {
  cell: 'lstm',
  featureDim: 6,
  wordDim: 5,
  hiddenDim: 9,
  vocabSize: 7,
  steps: 5,
};
const attentive: CaptionerShape = { ...shape, cell: 'gru', layers: 2, grid: { positions: 4, columns: 3 } };
const ends = { start: 1, end: 2, longest: 5 };
const never = [0, 1, 3];
const images = 6;
const all = Array.from({ length: images }, (_, image) => image);

/** A captioner with random parameters, another one for another seed. */
function memberOf(captioner: CaptionerShape, seed = 7): Member {
  const memory = memoryFor(captioner, 'float64');
  const engine = createReferenceEngine(memory);
  const { start, step } = specOf(captioner).programs;
  const limits = { rows: 100, steps: captioner.steps };
  return {
    start: engine.prepare(start, limits),
    step: engine.prepare(step, limits),
    inputs: imageInputs(raggedShard(captioner, images, seed)),
    shard: 0,
    parameters: 'live',
  };
}

const member = memberOf(shape);
const attending = memberOf(attentive);

function caption(decoding: Decoding, of: readonly Member[] = [member], most = 100): Promise<DecodedCaption[][]> {
  return generateCaptions(of, all, decoding, ends, { most, fixed: false });
}

function searched(options: DecodingOptions, of: readonly Member[] = [member]): Promise<DecodedCaption[][]> {
  return caption(decodingOf(options, never), of);
}

/** What the model says after these words, for one image, read by it alone. */
async function stepAfter({ start, step, inputs }: Member, image: number, words: readonly number[]) {
  const row = Object.fromEntries(
    Object.entries(inputs).map(([name, { data, columns }]) => [
      name,
      { data: data.subarray(image * columns, (image + 1) * columns), rows: 1, columns },
    ]),
  );
  let { tensors } = await start.run({ shard: 0, plan: decodingPlan(Int32Array.of(0)), inputs: row });
  for (const word of [ends.start, ...words]) {
    const next = await step.run({ shard: 0, plan: decodingPlan(Int32Array.of(word)), inputs: tensors });
    tensors = { ...tensors, ...next.tensors };
  }
  return tensors;
}

/** The log probability of every next word after these. */
async function logProbabilitiesAfter(of: Member, image: number, words: readonly number[]) {
  const scores = Array.from((await stepAfter(of, image, words)).scores!.data);
  const sum = Math.log(scores.reduce((total, score) => total + Math.exp(score), 0));
  return scores.map((score) => score - sum);
}

/** Every caption that may be written about an image, with its log probability. */
async function everyCaption(
  of: Member,
  image: number,
  before: readonly number[] = [],
  log = 0,
): Promise<DecodedCaption[]> {
  const logs = await logProbabilitiesAfter(of, image, before);
  const longer: DecodedCaption[] = [];
  for (const [word, next] of logs.entries()) {
    if (never.includes(word)) continue;
    const words = [...before, word];
    const logProbability = log + next;
    if (word === ends.end || words.length === ends.longest)
      longer.push({ words, logProbability, score: logProbability });
    else longer.push(...(await everyCaption(of, image, words, logProbability)));
  }
  return longer;
}

const wordsOf = (captions: readonly (readonly DecodedCaption[])[]) =>
  captions.map((ofImage) => ofImage.map(({ words }) => words));

describe('where the model looked', () => {
  it('comes with each word of a caption when it is asked for, by whatever search', async () => {
    for (const options of [{}, { beam: 4, nbest: 3 }, { beam: 4, groups: 2 }, { temperature: 1.3, nbest: 2 }]) {
      const found = await searched({ ...options, attention: true }, [attending]);
      expect(found.map((some) => some.map(({ attention, ...rest }) => rest))).toEqual(
        await searched(options, [attending]),
      );
      for (const image of [0, 4]) {
        for (const { words, attention } of found[image]!) {
          expect(attention).toHaveLength(words.length);
          for (const [i, weights] of attention!.entries()) {
            const { data } = (await stepAfter(attending, image, words.slice(0, i))).attention!;
            expect(weights).toEqual(Float32Array.from(data));
            expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
          }
        }
      }
    }
  });

  it('is the mean over the models of an ensemble that look anywhere', async () => {
    const other = memberOf(attentive, 8);
    const [[caption]] = (await searched({ attention: true }, [attending, member, other])) as [[DecodedCaption]];
    const looks = await Promise.all([attending, other].map((each) => stepAfter(each, 0, [])));
    const [one, two] = looks.map((tensors) => tensors.attention!.data);
    caption.attention![0]!.forEach((weight, i) => {
      expect(weight).toBeCloseTo((one![i]! + two![i]!) / 2, 6);
    });
  });
});

describe.each([
  ['an LSTM', member],
  ['two GRU layers with attention', attending],
] as const)('captions by %s', (_, of) => {
  it('are the same from a beam of 1 as by the likeliest word at each step', async () => {
    for (const rules of [{}, { minLength: 3 }, { noRepeat: true }]) {
      const likeliest = await searched(rules, [of]);
      const beam = await searched({ ...rules, beam: 1, alpha: 0 }, [of]);
      expect(beam).toEqual(likeliest);
    }
  });

  it('are the best that there are from a beam as wide as the search space', async () => {
    const found = await searched({ beam: 400, alpha: 0, nbest: 400 }, [of]);
    for (const image of [0, 3]) {
      const expected = (await everyCaption(of, image)).sort((a, b) => b.score - a.score);
      expect(found[image]!.map(({ words }) => words)).toEqual(expected.map(({ words }) => words));
      found[image]!.forEach(({ logProbability }, i) => {
        expect(logProbability).toBeCloseTo(expected[i]!.logProbability, 10);
      });
    }
  });

  it('come out to the bit whether images are captioned alone or together, in any number of rows at a time', async () => {
    for (const options of [
      {},
      { beam: 4, nbest: 4 },
      { temperature: 1.3, nbest: 3 },
      { beam: 4, groups: 2, nbest: 4 },
    ]) {
      const decoding = decodingOf(options, never);
      const together = await caption(decoding, [of]);
      for (const most of [1, 5, 7]) expect(await caption(decoding, [of], most)).toEqual(together);
      for (const image of all) {
        const inputs = Object.fromEntries(
          Object.entries(of.inputs).map(([name, { data, columns }]) => [
            name,
            { data: data.subarray(image * columns, (image + 1) * columns), rows: 1, columns },
          ]),
        );
        const limits = { most: 100, fixed: false };
        expect(await generateCaptions([{ ...of, inputs }], [image], decoding, ends, limits)).toEqual([together[image]]);
      }
    }
  });
});

describe('what no search writes', () => {
  it.each([{}, { beam: 4, nbest: 4 }, { temperature: 2, nbest: 8 }, { beam: 4, groups: 2, nbest: 4 }])(
    'is a word of those left out or an end too soon, by %o',
    async (options) => {
      const plain = (await searched(options)).flat();
      expect(plain.flatMap(({ words }) => words).filter((word) => never.includes(word))).toEqual([]);
      expect((await searched({ seed: 1, nbest: 8 })).flat().some(({ words }) => words.length < 4)).toBe(true);
      const long = (await searched({ ...options, minLength: 4 })).flat();
      expect(long.every(({ words }) => words.indexOf(ends.end) < 0 || words.length > 4)).toBe(true);
    },
  );

  it('has a trigram twice where repeats are not wanted', async () => {
    const longer = { ...ends, longest: 40 };
    const limits = { most: 100, fixed: false };
    const trigrams = (words: readonly number[]) => words.slice(2).map((_, i) => words.slice(i, i + 3).join());
    const repeats = async (noRepeat: boolean) => {
      const decoding = decodingOf({ noRepeat, minLength: 39 }, never);
      const captions = await generateCaptions([member], all, decoding, longer, limits);
      return captions.flat().filter(({ words }) => new Set(trigrams(words)).size < words.length - 2).length;
    };
    expect(await repeats(false)).toBeGreaterThan(0);
    expect(await repeats(true)).toBe(0);
  });

  it('over the whole vocabulary, nothing is left out', async () => {
    const words = (await caption({ ...greedy, search: { ...decodingOf({ temperature: 3 }, []).search }, captions: 9 }))
      .flat()
      .flatMap((each) => each.words);
    expect(new Set(words)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
  });
});

describe('samples', () => {
  it('are drawn as often as the model says, and others for another seed, image, step or number', async () => {
    const count = 4000;
    const [captions] = await searched({ temperature: 1, nbest: count });
    const logs = await logProbabilitiesAfter(member, 0, []);
    const allowed = logs.map((log, word) => (never.includes(word) ? 0 : Math.exp(log)));
    const sum = allowed.reduce((a, b) => a + b);
    allowed.forEach((share, word) => {
      const expected = share / sum;
      const found = captions!.filter(({ words }) => words[0] === word).length / count;
      expect(Math.abs(found - expected)).toBeLessThan(5 * Math.sqrt((expected * (1 - expected)) / count) + 1e-9);
    });
    const first = await searched({ seed: 5, nbest: 4 });
    expect(await searched({ seed: 5, nbest: 4 })).toEqual(first);
    expect(await searched({ seed: 6, nbest: 4 })).not.toEqual(first);
  });

  it('come from the k likeliest words, or from the fewest that sum to p, and are likelier the colder they are', async () => {
    const logs = await logProbabilitiesAfter(member, 2, []);
    const ranked = [...logs.keys()].filter((word) => !never.includes(word)).sort((a, b) => logs[b]! - logs[a]!);
    const firstWords = async (options: DecodingOptions) =>
      new Set((await searched({ ...options, nbest: 500 }))[2]!.map(({ words }) => words[0]!));
    expect(await firstWords({ topK: 2 })).toEqual(new Set(ranked.slice(0, 2)));
    const shares = ranked.map((word) => Math.exp(logs[word]!));
    const sum = shares.reduce((a, b) => a + b);
    const two = (shares[0]! + shares[1]!) / sum;
    expect(await firstWords({ topP: two - 1e-6 })).toEqual(new Set(ranked.slice(0, 2)));
    expect(await firstWords({ topP: two + 1e-6 })).toEqual(new Set(ranked.slice(0, 3)));
    for (const temperature of [1e-3, 1e-6]) {
      expect(wordsOf(await searched({ temperature }))).toEqual(wordsOf(await searched({})));
    }
  });
});

describe('beams', () => {
  it('are ordered by log probability over length to the power of alpha', async () => {
    for (const alpha of [0, 0.7, 1]) {
      for (const captions of await searched({ beam: 5, nbest: 5, alpha })) {
        captions.forEach(({ words, logProbability, score }) => {
          expect(score).toBeCloseTo(logProbability / words.length ** alpha, 12);
        });
        expect(captions.map(({ score }) => score)).toEqual(captions.map(({ score }) => score).sort((a, b) => b - a));
      }
    }
  });

  it('in groups begin with more different words than without', async () => {
    const firstWords = (captions: readonly DecodedCaption[]) => new Set(captions.map(({ words }) => words[0])).size;
    const mean = async (options: DecodingOptions) => {
      const found = await searched(options);
      return found.reduce((sum, captions) => sum + firstWords(captions), 0) / images;
    };
    expect(await mean({ beam: 4, nbest: 4, groups: 4 })).toBeGreaterThan(await mean({ beam: 4, nbest: 4 }));
    const [together, grouped] = [await searched({ beam: 4 }), await searched({ beam: 8, groups: 2, nbest: 8 })];
    together.forEach(([best], image) => {
      expect(grouped[image]!.map(({ words }) => words)).toContainEqual(best!.words);
    });
  });

  it('in groups bring every caption once, the best of those that any group has found', async () => {
    for (const groups of [2, 3, 6]) {
      const found = wordsOf(await searched({ beam: 12, groups, nbest: 12 })).map((captions) => captions.map(String));
      expect(found.map((captions) => new Set(captions).size)).toEqual(found.map(({ length }) => length));
      const few = wordsOf(await searched({ beam: 12, groups, nbest: 3 })).map((captions) => captions.map(String));
      expect(few).toEqual(found.map((captions) => captions.slice(0, 3)));
    }
  });
});

describe('an ensemble', () => {
  it('of one model with itself is that model', async () => {
    const alone = await searched({ beam: 3, nbest: 3 });
    const twice = await searched({ beam: 3, nbest: 3 }, [member, member]);
    expect(wordsOf(twice)).toEqual(wordsOf(alone));
    twice.flat().forEach(({ logProbability }, i) => {
      expect(logProbability).toBeCloseTo(alone.flat()[i]!.logProbability, 12);
    });
  });

  it('writes by the mean of the probabilities of models that may attend or not', async () => {
    const [[best]] = (await searched({}, [member, attending])) as [[DecodedCaption]];
    let log = 0;
    for (let t = 0; t < best.words.length; t++) {
      const [a, b] = await Promise.all(
        [member, attending].map((of) => logProbabilitiesAfter(of, 0, best.words.slice(0, t))),
      );
      const mean = a!.map((value, word) => (Math.exp(value) + Math.exp(b![word]!)) / 2);
      const allowed = mean.map((value, word) => (never.includes(word) ? 0 : value));
      expect(allowed.indexOf(Math.max(...allowed))).toBe(best.words[t]);
      log += Math.log(mean[best.words[t]!]!);
    }
    expect(best.logProbability).toBeCloseTo(log, 10);
  });
});

it('the likeliest words are the first of a stable sort, however many are asked for', () => {
  const scores = Float64Array.from({ length: 300 }, (_, word) =>
    word % 7 === 0 ? -Infinity : Math.round(20 * Math.sin(word)),
  );
  const sorted = [...scores.keys()].filter((word) => scores[word]! > -Infinity).sort((a, b) => scores[b]! - scores[a]!);
  for (const k of [1, 2, 5, 64, 65, 200, 300]) expect(likeliestWords(scores, k)).toEqual(sorted.slice(0, k));
});

it('options that make no sense, or do not go together, are named', () => {
  for (const [options, message] of [
    [{ beam: 0 }, 'beam: 0, where a whole number from 1 on is expected.'],
    [{ alpha: 1 }, 'alpha needs beam'],
    [{ nbest: 2 }, 'nbest needs beam'],
    [{ beam: 2, nbest: 3 }, 'nbest: 3 captions cannot come from a beam of 2'],
    [{ beam: 5, groups: 2 }, 'groups: 2 groups of equal size cannot be made of a beam of 5'],
    [{ beam: 5, topK: 2 }, 'beam belongs to beam search and top-k to sampling'],
    [{ temperature: 0 }, 'temperature: 0, where a number from 0.000001 on is expected'],
    [{ temperature: 1e-310 }, 'temperature: 1e-310, where a number from 0.000001 on is expected'],
    [{ topP: 1.5 }, 'top-p: 1.5'],
    [{ minLength: -1 }, 'min-length: -1'],
    [{ seed: 0.5 }, 'seed: 0.5'],
  ] as const) {
    expect(() => decodingOf(options, [])).toThrow(message);
  }
});
