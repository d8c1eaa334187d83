/** Numbers, bytes and times as people read them. */

const numbers = new Intl.NumberFormat('en-US');

/** "2,304" */
export function count(value: number): string {
  return numbers.format(value);
}

/** "1 step", "2,304 steps" */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Milliseconds, in the two largest units. */
export function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const byteUnits = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** To three digits, in thousands: "97.9 MB". */
export function bytesWords(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${byteUnits[unit]}`;
}

/** In the largest unit: "3 min", "12 d". A clock that was set back counts as no time. */
export function ageWords(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** "24%", rounded down: all of it is all of it. */
export function percent(share: number): string {
  return `${Math.floor(100 * share)}%`;
}
