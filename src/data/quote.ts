/** A value as JSON on one line, of at most `longest` characters, for a message. */
export function quote(value: unknown, longest = 60): string {
  const text = jsonOf(value).replace(/\p{C}/gu, '?');
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'missing';
  } catch {
    // Only brackets within brackets without end are too much for it.
    return 'something nested without end';
  }
}
