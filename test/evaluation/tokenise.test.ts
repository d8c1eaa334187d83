import { describe, expect, it } from 'vitest';
import { isTokenised, tokeniser } from '../../src/evaluation/tokenise.js';

describe('ptb', () => {
  // What Stanford's PTBTokenizer (CoreNLP 3.4.1, -preserveLines -lowerCase) and coco-caption's list of punctuation give.
  it.each([
    ["A man (in red) can't swim.", "a man -lrb- in red -rrb- ca n't swim"],
    [
      "I'm gonna gotta lemme cannot wanna d'ye 'tis 'twas",
      "i 'm gon na got ta lem me can not wan na d'ye 't is 't was",
    ],
    ["the dogs' ball o'clock O'Reilly's y'all ain't", "the dogs ball o'clock o'reilly 's y' all ai n't"],
    ['he said "hello" and ``bye\'\'', 'he said hello and bye'],
    ['“smart” ‘quotes’, dog’s', "smart quotes dog 's"],
    ['$5.00 costs 5% or £3 and €4 #1 @home &amp; x', '$ 5.00 costs 5 % or # 3 and $ 4 # 1 @home & x'],
    ['t-shirt tri-colored - dash -- long --- longer – en — em', 't-shirt tri-colored dash long longer en em'],
    ['Mr. Smith at 5 p.m. in the U.S. with Dr. Who.', 'mr. smith at 5 p.m. in the u.s. with dr. who'],
    ['Plan B. The dog. Wearing U. Miami. No. 1 or no. Ok', 'plan b the dog wearing u. miami no. 1 or no ok'],
    ["12:30 3,000 3.5 -5 1st 10-year-old 5'10\" 6'", '12:30 3,000 3.5 -5 1st 10-year-old 5 10 6'],
    ['black/white and 1/2 or ½', 'black/white and 1/2 or 1/2'],
    ['wait... what… end.. no yes!! why?? ok!?', 'wait what end no yes !! why ?? ok !?'],
    ['[brackets] {braces} * a*b a_b ~ + =', '-lsb- brackets -rsb- -lcb- braces -rcb- * a * b a_b ~ + ='],
    ["'quoted' words' rock'n'roll rock 'n roll '80s 80's", "quoted words rock 'n' roll rock 'n roll '80s 80 's"],
    ['end of sentence.Next , comma,no space;semi', 'end of sentence.next comma no space semi'],
    ['see http://x.com/a, www.abc.com a@b.com <UNK> :)', 'see http://x.com/a www.abc.com a@b.com <unk> :-rrb-'],
    ['café naïve 日本語 Über É 🐶 ★', 'café naïve 日本語 über é ★'],
    ['AT&T and the R2D2 4x4 in the sun.', 'at&t and the r2d2 4x4 in the sun'],
    [' leading   spaces\tand tab . ', 'leading spaces and tab'],
    ['a constructor hasOwnProperty, valueOf', 'a constructor hasownproperty valueof'],
    ['...', ''],
  ])('%s', (caption, tokens) => {
    expect(tokeniser('ptb')(caption).join(' ')).toBe(tokens);
  });

  it('does not depend on the captions before', () => {
    const used = tokeniser('ptb');
    for (const caption of ['see no. 1', 'say no. ok', 'a b. The', 'a b. x']) {
      expect(used(caption)).toEqual(tokeniser('ptb')(caption));
    }
  });
});

describe('words', () => {
  it('are runs of letters, digits and apostrophes in lower case', () => {
    expect(tokeniser('words')("A tri-colored dog's 2 balls, café!")).toEqual(
      "a tri colored dog's 2 balls caf".split(' '),
    );
  });
});

describe('captions that are tokenised already', () => {
  it('hold nothing that a tokeniser would have changed', () => {
    expect(
      isTokenised(["a dog 's ball", "slip n 'slide", 'we cannot swim', 'a t-shirt', '', "mark ' mom ' finley"]),
    ).toBe(true);
    for (const caption of ['A dog', 'a dog.', 'a , b', "a dog's", "can't", "'a dog'", 'a - b', '(a)', 'a “b”']) {
      expect(isTokenised(['a dog', caption])).toBe(false);
    }
  });
});
