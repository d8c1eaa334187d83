/**
 * Penn Treebank tokens of a caption, as coco-caption takes them: those of Stanford's PTBTokenizer (CoreNLP 3.4.1) on one
 * line, in lower case, with marks of punctuation dropped. docs/scores.md says where it may differ.
 */

/** What coco-caption drops. Brackets stay: it looks for `-LRB-` where the tokeniser has written `-lrb-`. */
const dropped = new Set(["''", "'", '``', '`', '.', '?', '!', ',', ':', '-', '--', '...', ';']);

const brackets: ReadonlyMap<string, string> = new Map([
  ['(', '-lrb-'],
  [')', '-rrb-'],
  ['[', '-lsb-'],
  [']', '-rsb-'],
  ['{', '-lcb-'],
  ['}', '-rcb-'],
]);

/** Signs that are written otherwise: entities of HTML and currencies. */
const otherSigns: ReadonlyMap<string, string> = new Map([
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', ''],
  ['&apos;', ''],
  ['£', '#'],
  ['€', '$'],
  ['¢', 'cents'],
]);

/** Words that keep a period behind them wherever they stand. */
const abbreviations = new Set(
  (
    'adj adm al ala apr ariz assn asst atty aug ave bhd bldg blvd brig bros calif capt cf cie cmdr co col colo conn ' +
    'corp cos cpl ct dec dept det dr drs ens esq est etc ext feb fla fri ft ga gen gov govs hon inc ind insp intl jan ' +
    'jr jul jun kan kans ky lt ltd maj mar md messrs mfg mich minn mlle mme mo mon mont mr mrs ms mt natl neb nev nov ' +
    'oct okla penn pfc ph plc pres prof pty pvt rd rep reps rev sen sens sep sept sgt spc sq sr st ste supt tel tenn ' +
    'thu thurs tue tues univ va vs vt wed wis wyo'
  ).split(' '),
);
/** Words that do so only with a capital, since in small letters they are words of their own. */
const capitalisedAbbreviations = new Set('Ark Del Ill La Mass Miss Ore Pa Tex Wash'.split(' '));
/** Words that do so before a number. */
const abbreviationsBeforeNumbers = new Set('art ca fig no nos op pp'.split(' '));

/** Two words written as one. */
const joined = new Map<string, number>([
  ['cannot', 3],
  ['gonna', 3],
  ['gotta', 3],
  ['lemme', 3],
  ['gimme', 3],
  ['wanna', 3],
]);

const letter = String.raw`[\p{L}\p{M}]`;
const alphanumeric = String.raw`[\p{L}\p{M}\p{Nd}]`;
const apostrophe = "['’]";
const wordEnd = `(?!${alphanumeric})`;
const not = `[nN]['’\`][tT]${wordEnd}`;
/** Words that begin a sentence rather than continue a name: "plan B. The dog", but "Franklin D. Roosevelt". */
const sentenceStarts =
  'A|About|According|Additionally|After|An|As|At|But|Earlier|He|Her|Here|However|If|In|It|Last|Many|More|Now|Once|One|' +
  'Other|Our|She|Since|So|Some|Such|That|The|Their|Then|There|These|They|This|We|What|When|While|Yet|You';

/** Kinds of token; where several fit, the longest counts, then the first. */
const patterns = [
  // Words with periods, exclamation or question marks inside: "a.m", "sentence.next".
  `${letter}${alphanumeric}*(?:[.!?]${letter}${alphanumeric}*)*`,
  // Hyphens and underscores: "t-shirt", "10-year-old", "a_b".
  String.raw`${alphanumeric}[\p{L}\p{M}\p{Nd}.,]*(?:[-_]${alphanumeric}+(?:\.\d+)?)+`,
  // Slashes: "black/white", "1/2".
  `${alphanumeric}+(?:-${letter}+){0,2}(?:/${alphanumeric}+(?:-${letter}+){0,2}){1,2}`,
  `${alphanumeric}+`,
  // Numbers and times: "-5", "3,000", "12:30".
  String.raw`[-+]?(?:\d+(?:[.:,]\d+)*|(?:\.\d+)+)`,
  // Acronyms, and the initials of names.
  String.raw`[A-Za-z](?:\.[A-Za-z])+\.`,
  String.raw`[A-Za-z]\.(?! (?:${sentenceStarts})${wordEnd})`,
  // "AT&T".
  '[A-Z]+(?:[+&][A-Z]+)+',
  // "o'clock", "d'Artagnan", "'n'", "'80s", "y'" of "y'all".
  `[dDoOlL]${apostrophe}${letter}${alphanumeric}*`,
  `${apostrophe}[nN](?:${apostrophe}|${wordEnd})`,
  String.raw`(?<!${alphanumeric})${apostrophe}\d\ds?${wordEnd}`,
  `[yY]${apostrophe}(?=[aA]ll)`,
  // What an apostrophe joins to a word.
  `${apostrophe}(?:[sdmSDM]|re|ve|ll|RE|VE|LL)${wordEnd}`,
  not,
  `${apostrophe}[tT](?=(?:is|was|IS|WAS)${wordEnd})`,
  // Addresses, tags and faces.
  String.raw`https?://[^\s"<>|()]*[^\s"<>|.!?(){},;:'-]`,
  String.raw`(?:[\w-]+\.)+(?:com|net|org|edu)(?:/[^\s"<>|()]*[^\s"<>|.!?(){},;:'-])?`,
  String.raw`[\w.+-]+@(?:[\w-]+\.)+\w+`,
  String.raw`[@#][A-Za-z_]\w*`,
  String.raw`</?[A-Za-z!?][^<>\s]*>`,
  String.raw`[<>]?[:;=][-o*']?[()DPdpO\\:@|[\]](?![A-Za-z0-9])`,
  '&(?:amp|lt|gt|quot|apos);',
  String.raw`[A-Z]*\$`,
  // Runs of marks.
  '[!?]+',
  String.raw`\.+|…|-+|[–—]`,
  '[\'"‘’“”«»`]{1,2}',
  '[¼½¾⅓⅔⅛]',
  // Any other sign, save the pictures of the astral planes.
  String.raw`(?![\u{10000}-\u{10FFFF}])[\p{P}\p{S}]`,
].map((source) => new RegExp(source, 'uy'));

/** A word before "n't" gives its n away: "ca n't". */
const beforeNot = new RegExp(`${alphanumeric}+?(?=${not})`, 'uy');

/**
 * Makes a function from a caption to its tokens, in lower case and without marks of punctuation. It remembers the words
 * it has met: captions have few different ones, and taking one apart costs more than all else.
 */
export function ptbTokeniser(): (caption: string) => string[] {
  const known = new Map<string, readonly string[]>();
  return (caption) => {
    const words = caption.split(/\s+/);
    const tokens: string[] = [];
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!;
      // What follows decides nothing but whether a period belongs to its word.
      const context = word.endsWith('.') ? `${word} ${words[i + 1] ?? ''}` : word;
      let found = known.get(context);
      if (found === undefined) {
        found = tokensOfWord(context, word.length);
        known.set(context, found);
      }
      for (const token of found) tokens.push(token);
    }
    return tokens;
  };
}

/** @param text begins with the word, which is `length` long */
function tokensOfWord(text: string, length: number): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < length; ) {
    const token = tokenAt(text, at);
    // A sign that begins no token, such as a picture, is passed over.
    at += token.length || String.fromCodePoint(text.codePointAt(at)!).length;
    const written = asWritten(token);
    if (written !== '' && !dropped.has(written)) tokens.push(written);
  }
  return tokens;
}

/** The token that begins at a place of the text; empty where none does. */
function tokenAt(text: string, at: number): string {
  const negated = matchAt(beforeNot, text, at);
  if (negated !== '') return negated;
  let longest = '';
  for (const pattern of patterns) {
    const token = matchAt(pattern, text, at);
    if (token.length > longest.length) longest = token;
  }
  const end = at + longest.length;
  if (text[end] === '.' && keepsPeriod(longest, text.slice(end + 1))) return `${longest}.`;
  return longest.slice(0, joined.get(longest.toLowerCase()));
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

function keepsPeriod(word: string, rest: string): boolean {
  const lower = word.toLowerCase();
  if (abbreviations.has(lower) || capitalisedAbbreviations.has(word)) return true;
  return abbreviationsBeforeNumbers.has(lower) && /^ \d/.test(rest);
}

function asWritten(token: string): string {
  if (/^(?:[–—]|-+)$/.test(token)) return '--';
  if (/^(?:\.+|…)$/.test(token)) return '...';
  if (/^['"‘’“”«»`]+$/.test(token)) return "''";
  if (/^[¼½¾⅓⅔⅛]$/.test(token)) return token.normalize('NFKD').replace('⁄', '/');
  return (otherSigns.get(token) ?? token)
    .toLowerCase()
    .replace(/’/g, "'")
    .replace(/[()[\]{}]/g, (bracket) => brackets.get(bracket)!);
}
