import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { keyPaths } from '../../src/config/keys.js';
import { configToYaml, parseConfigText } from '../../src/config/load.js';
import { UserError } from '../../src/errors.js';

const folder = fileURLToPath(new URL('../../config/', import.meta.url));
const texts = readdirSync(folder).map((file) => readFileSync(folder + file, 'utf8'));
const base = 'data: { builtin: shapes }';

/** A config that holds after being written and read again, or one short message to the user. */
function acceptsOrExplains(text: string, sets: readonly string[]): void {
  try {
    const config = parseConfigText(text, 'a.yaml', sets);
    expect(parseConfigText(configToYaml(config), 'copy')).toEqual(config);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Three problems, and how many more there are.
    expect(error.message.split('\n').length).toBeLessThanOrEqual(4);
    expect(error.message.length).toBeLessThan(1500);
    expect(error.message).not.toBe('');
  }
}

const key = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...keyPaths) },
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'train.__proto__', 'data.constructor.prototype'),
  fc.string({ unit: 'binary' }),
);
const awkward = fc.constantFrom(
  '',
  'null',
  '~',
  '-0',
  '1e999',
  '-.inf',
  '.nan',
  '0x7fffffffffffffff',
  '9'.repeat(400),
  '*a',
  '&a [*a]',
  '<<: *x',
  '!!binary x',
  '!!js/function x',
  '{__proto__: {x: 1}}',
  '{constructor: {prototype: {x: 1}}}',
  '[[[[[[',
  '"\\u0000"',
  '? ',
  '--- 1',
  '%YAML 9.9',
);
const value = fc.oneof(
  awkward,
  fc.json(),
  fc.string({ unit: 'binary' }),
  fc.double().map(String),
  fc.integer().map(String),
  fc.constantFrom('gpu', 'cpu', 'lstm', 'auto', 'shapes', 'x', 'true', 'reference'),
);

/** A shipped config with a few pieces cut out, put in or doubled. */
const mutated = fc
  .tuple(
    fc.constantFrom(...texts),
    fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(40), fc.oneof(awkward, fc.string())), {
      minLength: 1,
      maxLength: 8,
    }),
  )
  .map(([text, edits]) =>
    edits.reduce((before, [at, cut, put]) => {
      const start = Math.floor(at * before.length);
      return before.slice(0, start) + put + before.slice(start + cut);
    }, text),
  );

describe('whatever it is given, the config loader accepts it or explains itself', () => {
  afterEach(() => {
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('mutated configs', () => {
    fc.assert(
      fc.property(mutated, (text) => acceptsOrExplains(text, [])),
      { numRuns: 4000 },
    );
  });

  it('any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) => acceptsOrExplains(text, [])),
      { numRuns: 2000 },
    );
  });

  it('trees of any values under the known keys', () => {
    const tree = fc.dictionary(
      fc.constantFrom('data', 'model', 'train', 'engine', 'checkpoint', '__proto__'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(tree, (raw) => acceptsOrExplains(JSON.stringify(raw), [])),
      { numRuns: 2000 },
    );
  });

  it('overrides', () => {
    const sets = fc.array(
      fc.oneof(
        fc.string(),
        fc.tuple(key, value).map(([k, v]) => `${k}=${v}`),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(sets, (texts) => acceptsOrExplains(base, texts)),
      { numRuns: 6000 },
    );
  });
});
