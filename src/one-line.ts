/** Control characters, line and paragraph separators, and what reverses the direction of text. */
const unsafe = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text that may come from anywhere (a vocabulary, a file name, the words of the system) as one line that moves no cursor:
 * what a terminal would act on is written as an escape that can be read.
 */
export function oneLine(text: string): string {
  return text.replaceAll(unsafe, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`);
}
