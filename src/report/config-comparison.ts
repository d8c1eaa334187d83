/** Where configs differ, for people. */
import type { ComparedKey } from '../config/differences.js';
import { tableLines } from './text-table.js';

/** @param names of the configs, in the order of the values */
export function comparisonLines(names: readonly string[], compared: readonly ComparedKey[]): string[] {
  if (compared.length === 0) return ['same'];
  const rows = compared.map(({ key, values }) => [key, ...values.map(settingWords)]);
  return tableLines([['key', ...names], ...rows]);
}

/** Of a key; a dash where a config has no such key. */
export function settingWords(value: unknown): string {
  if (value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
