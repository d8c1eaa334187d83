/**
 * The numbers of lines that differ in their numbers alone, as the steps of a log do: `JSON.parse` takes 2 s for a million
 * of them. The first line of a form is parsed, and what stands between its numbers is then looked for in the next ones.
 */

/** What a line of the form must say. */
interface Form {
  /** Dotted names of the numbers, in the order in which they stand. */
  readonly names: readonly string[];
  /** What stands before each number, and at last what stands behind them. */
  readonly between: readonly Uint8Array[];
}

/** Lines with and without fields that not every step has. */
const mostForms = 8;
const mostNumbers = 64;
/** Objects within one another; what lies deeper is no metric. */
const mostDepth = 8;
/** Text that a number may stand in, a number, or what JSON has in place of one that is not finite. */
const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|null/g;

const nowhere = -1e9;
const powers = Float64Array.from({ length: 330 }, (_, exponent) => Number(`1e${exponent}`));

export class NumberLines {
  private forms: Form[] = [];
  /** Of the line that was read last, by the names of its form, to 15 digits. NaN stands for null. */
  readonly values = new Float64Array(mostNumbers);

  /** @returns the names of the numbers, which are in `values`, or null where no known form fits */
  read(bytes: Uint8Array, begin: number, end: number): readonly string[] | null {
    for (let i = 0; i < this.forms.length; i++) {
      const form = this.forms[i]!;
      if (!this.fits(form, bytes, begin, end)) continue;
      if (i > 0) this.forms = [form, ...this.forms.filter((other) => other !== form)];
      return form.names;
    }
    return null;
  }

  /** @param names of all numbers of the line, as `numbersOf` tells them */
  learn(line: string, names: readonly string[]): void {
    const between: Uint8Array[] = [];
    let from = 0;
    for (const { 0: token, index } of line.matchAll(tokens)) {
      if (token.startsWith('"')) continue;
      between.push(new TextEncoder().encode(line.slice(from, index)));
      from = index + token.length;
    }
    // Numbers in lists or too deep, and names that stand twice or that an object does not keep in their order.
    if (between.length !== names.length || names.length > mostNumbers) return;
    between.push(new TextEncoder().encode(line.slice(from)));
    if (new Set(names).size < names.length || names.some((name) => /(^|\.)\d/.test(name))) return;
    this.forms = [{ names, between }, ...this.forms.slice(0, mostForms - 1)];
  }

  private fits({ names, between }: Form, bytes: Uint8Array, begin: number, end: number): boolean {
    let at = begin;
    for (let i = 0; i < between.length; i++) {
      const text = between[i]!;
      for (let k = 0; k < text.length; k++) if (bytes[at + k] !== text[k]) return false;
      at += text.length;
      if (i === names.length) break;
      at = this.readNumber(bytes, at, i);
    }
    return at === end;
  }

  /** @returns where it ends, or a place where nothing fits */
  private readNumber(bytes: Uint8Array, begin: number, into: number): number {
    let at = begin;
    if (bytes[at] === 0x6e) {
      this.values[into] = Number.NaN;
      return at + 4;
    }
    const isNegative = bytes[at] === 0x2d;
    if (isNegative) at++;
    let byte = bytes[at]!;
    if (!(byte >= 0x30 && byte <= 0x39)) return nowhere;
    let digits = 0;
    let exponent = 0;
    for (; byte >= 0x30 && byte <= 0x39; byte = bytes[++at]!) digits = digits * 10 + (byte - 0x30);
    if (byte === 0x2e) {
      const point = at;
      for (byte = bytes[++at]!; byte >= 0x30 && byte <= 0x39; byte = bytes[++at]!) digits = digits * 10 + (byte - 0x30);
      exponent = point + 1 - at;
    }
    if (byte === 0x65 || byte === 0x45) {
      byte = bytes[++at]!;
      const sign = byte === 0x2d ? -1 : 1;
      if (byte === 0x2d || byte === 0x2b) byte = bytes[++at]!;
      let power = 0;
      for (; byte >= 0x30 && byte <= 0x39; byte = bytes[++at]!) power = power * 10 + (byte - 0x30);
      exponent += sign * power;
    }
    const size = exponent < 0 ? digits / (powers[-exponent] ?? Infinity) : digits * (powers[exponent] ?? Infinity);
    this.values[into] = isNegative ? -size : size;
    return at;
  }
}

/** Dotted names and values, in the order of the keys; NaN stands for null. */
export function numbersOf(record: object, prefix = '', depth = 1): [name: string, value: number][] {
  return Object.entries(record).flatMap(([key, value]): [string, number][] => {
    const name = prefix + key;
    if (typeof value === 'number') return [[name, value]];
    if (value === null) return [[name, Number.NaN]];
    const isLooked = typeof value === 'object' && !Array.isArray(value) && depth < mostDepth;
    return isLooked ? numbersOf(value, `${name}.`, depth + 1) : [];
  });
}
