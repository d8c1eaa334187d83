/**
 * A model in the midst of captions: what searches are strategies over. A search keeps hypotheses, asks what may follow
 * their last words, and goes on with those that it likes, in any order and any number of times; cells, layers and
 * attention are the model's own business.
 */
import type { Executable, ParameterValues } from '../../engine/engine.js';
import type { Matrix, Named, NumberArray } from '../../tensor/matrix.js';
import { decodingPlan } from '../../tensor/step-plan.js';

/** A model, or one of several whose probabilities are averaged. */
export interface Member {
  readonly start: Executable;
  readonly step: Executable;
  /** What `start` takes, a row an image. */
  readonly inputs: Named<Matrix>;
  readonly shard: number;
  readonly parameters: ParameterValues;
}

/** Rows that a program runs on. */
export interface RowLimits {
  readonly most: number;
  /** Whether there are always as many, for an engine that prepares for one shape. */
  readonly fixed: boolean;
}

/** What the model expects after each hypothesis. */
export class NextWords {
  /**
   * @param scores (n,V), by which the words of a row are ordered
   * @param logSums (n) what a row's scores exceed the log probabilities by
   * @param attention (n,L) where the model looked; null where that was not asked for or it looks nowhere
   */
  constructor(
    readonly vocabSize: number,
    private readonly scores: NumberArray,
    private readonly logSums: NumberArray,
    private readonly attention: Matrix | null,
  ) {}

  /** (V) the scores after hypothesis r, which the search may change. */
  scoresOf(r: number): NumberArray {
    return this.scores.subarray(r * this.vocabSize, (r + 1) * this.vocabSize);
  }

  logProbability(r: number, score: number): number {
    return score - this.logSums[r]!;
  }

  /** (L) where the model looked before the words that may follow hypothesis r; null where that is not known. */
  attentionOf(r: number): Float32Array | null {
    if (this.attention === null) return null;
    const { data, columns } = this.attention;
    return Float32Array.from(data.subarray(r * columns, (r + 1) * columns));
  }
}

export class Decoder {
  /** The image of each hypothesis, a row of `inputs`. */
  private imageOf: Int32Array;

  private constructor(
    private readonly members: readonly StartedMember[],
    images: number,
  ) {
    this.imageOf = Int32Array.from({ length: images }, (_, image) => image);
  }

  /**
   * Shows the model the images; the hypotheses are then one without words for each.
   *
   * @param images rows of the members' inputs that are images; a fixed shape may need more
   * @param attention whether to tell where the model looked
   */
  static async start(
    members: readonly Member[],
    images: number,
    limits: RowLimits,
    attention: boolean,
  ): Promise<Decoder> {
    const started: StartedMember[] = [];
    for (const member of members) started.push(await StartedMember.start(member, limits, attention));
    return new Decoder(started, images);
  }

  /**
   * The model reads one word on each of the chosen hypotheses, which become the hypotheses.
   *
   * @param from (n) what each goes on from, among the hypotheses before
   * @param words (n) what each reads
   */
  async read(from: Int32Array, words: Int32Array): Promise<NextWords> {
    const imageOf = from.map((r) => this.imageOf[r]!);
    const next: NextWords[] = [];
    for (const member of this.members) next.push(await member.read(from, imageOf, words));
    this.imageOf = imageOf;
    return next.length === 1 ? next[0]! : averaged(next, words.length);
  }
}

class StartedMember {
  /** What the last step gave, a row a hypothesis; null before the first. */
  private state: Named<Matrix> | null = null;
  private readonly kept = new Map<string, RowBuffer>();
  /** Of what a step gives, all that anybody reads. */
  private readonly wanted: ReadonlySet<string>;

  private constructor(
    private readonly member: Member,
    private readonly limits: RowLimits,
    /** What `start` gave, a row an image. */
    private readonly first: Named<Matrix>,
    attention: boolean,
  ) {
    this.wanted = new Set([...Object.keys(first), 'scores', 'logSums', ...(attention ? ['attention'] : [])]);
  }

  static async start(member: Member, limits: RowLimits, attention: boolean): Promise<StartedMember> {
    const { inputs, shard, parameters } = member;
    const { rows } = Object.values(inputs)[0]!;
    const plan = decodingPlan(new Int32Array(rows));
    const { tensors } = await member.start.run({ shard, plan, inputs, parameters });
    return new StartedMember(member, limits, tensors, attention);
  }

  async read(from: Int32Array, imageOf: Int32Array, words: Int32Array): Promise<NextWords> {
    const { most, fixed } = this.limits;
    const parts: Named<Matrix>[] = [];
    for (let first = 0; first < words.length; first += most) {
      const count = Math.min(most, words.length - first);
      const rows = fixed ? most : count;
      const some = (indices: Int32Array) => paddedTo(rows, indices.subarray(first, first + count));
      parts.push(await this.run(parts.length, some(from), some(imageOf), some(words), count));
    }
    const { scores, logSums, attention, ...rest } = parts.length === 1 ? parts[0]! : stacked(parts);
    this.state = rest;
    return new NextWords(scores!.columns, scores!.data, logSums!.data, attention ?? null);
  }

  private keptRows(name: string, part: number, ofImages: Matrix, imageOf: Int32Array): Matrix {
    const key = `${name} ${part}`;
    const buffer = this.kept.get(key) ?? new RowBuffer();
    this.kept.set(key, buffer);
    return buffer.gather(ofImages, imageOf);
  }

  /**
   * @param part of the rows, where there are more than a run takes
   * @returns `count` rows of what the step gives, as far as a later one needs it
   */
  private async run(
    part: number,
    from: Int32Array,
    imageOf: Int32Array,
    words: Int32Array,
    count: number,
  ): Promise<Named<Matrix>> {
    const { step, shard, parameters } = this.member;
    const inputs = Object.entries(this.first).map(([name, ofImages]) => {
      // What a step does not give anew belongs to the image and stays.
      const ofHypotheses = this.state?.[name];
      return [name, ofHypotheses ? rowsOf(ofHypotheses, from) : this.keptRows(name, part, ofImages, imageOf)];
    });
    const { tensors } = await step.run({
      shard,
      plan: decodingPlan(words),
      inputs: Object.fromEntries(inputs),
      parameters,
      wanted: this.wanted,
    });
    const needed = Object.entries(tensors).filter(([name]) => this.wanted.has(name));
    return Object.fromEntries(needed.map(([name, matrix]) => [name, firstRows(matrix, count)]));
  }
}

/** Rows of what belongs to images, in a buffer that is written anew only where the image has changed. */
class RowBuffer {
  private data: NumberArray = new Float64Array(0);
  private images = new Int32Array(0);

  gather({ data: table, columns }: Matrix, images: Int32Array): Matrix {
    const size = images.length * columns;
    if (this.data.length < size) {
      this.data = numbersLike(table, size);
      this.images = new Int32Array(images.length).fill(-1);
    }
    images.forEach((image, r) => {
      if (this.images[r] === image) return;
      this.data.set(table.subarray(image * columns, (image + 1) * columns), r * columns);
      this.images[r] = image;
    });
    return { data: this.data.subarray(0, size), rows: images.length, columns };
  }
}

/** The mean of the members' probabilities, as log probabilities. */
function averaged(members: readonly NextWords[], rows: number): NextWords {
  const { vocabSize } = members[0]!;
  const logs = new Float64Array(rows * vocabSize);
  for (let r = 0; r < rows; r++) {
    const mean = logs.subarray(r * vocabSize, (r + 1) * vocabSize);
    for (const member of members) {
      const scores = member.scoresOf(r);
      for (let word = 0; word < vocabSize; word++) mean[word]! += Math.exp(member.logProbability(r, scores[word]!));
    }
    for (let word = 0; word < vocabSize; word++) mean[word] = Math.log(mean[word]! / members.length);
  }
  return new NextWords(vocabSize, logs, new Float64Array(rows), meanAttention(members, rows));
}

/** Over the members that attend, all of which look at the same grids. */
function meanAttention(members: readonly NextWords[], rows: number): Matrix | null {
  const looks = Array.from({ length: rows }, (_, r) =>
    members.map((member) => member.attentionOf(r)).filter((look) => look !== null),
  );
  const columns = looks[0]?.[0]?.length;
  if (columns === undefined) return null;
  const data = new Float32Array(rows * columns);
  looks.forEach((some, r) => {
    for (const look of some) {
      look.forEach((weight, i) => {
        data[r * columns + i]! += weight / some.length;
      });
    }
  });
  return { data, rows, columns };
}

/** The rows of these numbers, in their order. */
function rowsOf({ data, columns }: Matrix, rows: Int32Array): Matrix {
  const out = numbersLike(data, rows.length * columns);
  rows.forEach((row, r) => {
    out.set(data.subarray(row * columns, (row + 1) * columns), r * columns);
  });
  return { data: out, rows: rows.length, columns };
}

function numbersLike(data: NumberArray, length: number): NumberArray {
  return data instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
}

function firstRows(matrix: Matrix, rows: number): Matrix {
  return { ...matrix, rows, data: matrix.data.subarray(0, rows * matrix.columns) };
}

function stacked(parts: readonly Named<Matrix>[]): Named<Matrix> {
  const names = Object.keys(parts[0]!);
  return Object.fromEntries(
    names.map((name) => {
      const { columns, data: first } = parts[0]![name]!;
      const rows = parts.reduce((sum, part) => sum + part[name]!.rows, 0);
      const data = numbersLike(first, rows * columns);
      let at = 0;
      for (const part of parts) {
        data.set(part[name]!.data, at);
        at += part[name]!.data.length;
      }
      return [name, { data, rows, columns }];
    }),
  );
}

/** Repeats the first up to `count`. */
function paddedTo(count: number, indices: Int32Array): Int32Array {
  return Int32Array.from({ length: count }, (_, r) => indices[r] ?? indices[0]!);
}
