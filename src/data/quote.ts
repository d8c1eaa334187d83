/** A value as JSON on one line, of at most `longest` characters, for a message. */
export function quote(value: unknown, longest = 60): string {
  const text = (JSON.stringify(value) ?? 'missing').replace(/\p{C}/gu, '?');
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}
