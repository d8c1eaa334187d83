/** Numbers as people read them. */

/** Four digits that count. */
export function shortNumber(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7))
    return Number(value.toPrecision(3)).toExponential().replace('e+', 'e');
  if (Number.isInteger(value) || size >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(4)));
}

/** Seconds in words. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${shortNumber(Number(seconds.toPrecision(2)))} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return withRest(minutes, 'min', Math.floor(seconds % 60), 's');
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? withRest(hours, 'h', minutes % 60, 'min')
    : withRest(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function withRest(whole: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${restUnit}`;
}

export function bytes(value: number): string {
  const gigabytes = value / 1e9;
  return gigabytes >= 1 ? `${shortNumber(Number(gigabytes.toPrecision(3)))} GB` : `${Math.round(value / 1e6)} MB`;
}

export function percent(share: number): string {
  return `${Math.round(100 * share)}%`;
}
