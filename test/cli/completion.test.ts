/** Completion of command lines, asked of the shells themselves in a folder with runs and configs. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyWords } from '../../src/config/key-words.js';
import { recap } from '../support/command.js';
import { describeWith } from '../support/requirements.js';

let folder: string;
let scripts: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'recap-completion-'));
  scripts = mkdtempSync(join(tmpdir(), 'recap-completion-scripts-'));
  const files = [
    'runs/mine/config.yaml',
    'runs/my run/config.yaml',
    'runs/none/notes.txt',
    'sweeps/s/plain/config.yaml',
  ];
  for (const file of [...files, 'config/shapes.yaml', 'own.yaml', 'photo.jpg']) {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
});
afterAll(() => {
  for (const each of [folder, scripts]) rmSync(each, { recursive: true, force: true });
});

/** The path of the script for a shell, as the command prints it. */
function scriptFor(shell: string): string {
  const path = join(scripts, shell);
  if (existsSync(path)) return path;
  const { status, stdout, stderr } = recap(['completion', shell]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  writeFileSync(path, stdout);
  return path;
}

function run(shell: string, words: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(shell, words, { cwd: folder, encoding: 'utf8', timeout: 100_000 });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

/** What stands before each line with a lone %, in order. */
function answersIn(text: string): string[][] {
  const answers = text.split(/^%\n/m).slice(0, -1);
  return answers.map((answer) =>
    answer
      .split('\n')
      .filter((each) => each !== '')
      .sort(),
  );
}

const runs = ['runs/mine', 'runs/my run', 'sweeps/s/plain'];

/** A line and what may stand in place of its last word. */
const lines: readonly (readonly [line: string, candidates: readonly string[]])[] = [
  ['recap tr', ['train']],
  ['recap show --js', ['--json']],
  ['recap train --res', ['--resume']],
  ['recap train --set model.ce', ['model.cell=']],
  ['recap train --set train.schedule=c', ['train.schedule=constant', 'train.schedule=cosine']],
  ['recap sweep --grid data.tok', ['data.tokens=']],
  ['recap features --grid data.tok', []],
  ['recap train --config ', ['config/shapes.yaml', 'own.yaml']],
  ['recap train --config ow', ['own.yaml']],
  ['recap train --resume ', runs],
  ['recap show runs/my', ['runs/my run']],
  ['recap diff ', ['config/shapes.yaml', 'own.yaml', ...runs]],
  ['recap caption ph', ['photo.jpg']],
  ['recap caption --checkpoint ph', ['photo.jpg']],
  ['recap caption --split ', ['test', 'train', 'val']],
  ['recap caption --count ', []],
  ['recap completion ', ['bash', 'fish', 'zsh']],
];

describeWith({ command: 'bash' }, 'completion in bash', () => {
  /** Words as bash breaks them, and of each candidate what it takes for the part behind the last break. */
  const asked = `source "$1"; shift
    while (($#)); do
      COMP_LINE=$1; COMP_POINT=\${#1}
      mapfile -t COMP_WORDS < <(sed -E 's/=/\\n=\\n/g; s/ /\\n/g; s/\\n\\n/\\n/g' <<<"$1")
      [[ $1 == *= ]] && unset 'COMP_WORDS[-1]'
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      compopt() { :; }
      _recap
      printf '%s\\n' "\${COMPREPLY[@]}" %
      shift
    done`;

  it('offers what may stand there', () => {
    const answers = run('bash', ['--norc', '-c', asked, 'bash', scriptFor('bash'), ...lines.map(([line]) => line)]);
    const offered = answersIn(answers);
    const part = (line: string) => (line.split(' ').at(-1)!.match(/^.*=/) ?? [''])[0];
    const expected = lines.map(([line, all]) => all.map((each) => each.slice(part(line).length)));
    expect(offered).toEqual(expected);
  });

  it('puts together what bash breaks at =', () => {
    const glued = ['recap train --set=model.cell=l', 'recap train --config=config/s', 'recap train --set model.cell='];
    const answers = run('bash', ['--norc', '-c', asked, 'bash', scriptFor('bash'), ...glued]);
    const words = [...keyWords().get('model.cell')!].sort();
    expect(answersIn(answers)).toEqual([['lstm'], ['config/shapes.yaml'], words]);
  });
});

describeWith({ command: 'fish' }, 'completion in fish', () => {
  it('offers what may stand there', () => {
    const asked = 'source $argv[1]; for line in $argv[2..]; complete -C $line; echo %; end';
    const all = [...lines, ['recap train --set=model.cell=l', ['--set=model.cell=lstm']] as const];
    const answers = run('fish', ['--no-config', '-c', asked, scriptFor('fish'), ...all.map(([line]) => line)]);
    // A description stands behind each.
    expect(answersIn(answers.replaceAll(/\t.*$/gm, ''))).toEqual(all.map(([, candidates]) => candidates));
  });
});

describeWith({ command: 'zsh' }, 'completion in zsh', () => {
  /** A shell on a terminal of its own: what stands in the line after its last word was completed. */
  const asked = `zmodload zsh/zpty; zpty z zsh -f -i
    zpty -w z "PS1= RPS1=; autoload -Uz compinit; compinit -u -D; source $1"; shift
    zpty -w z 'show() { zle complete-word; print -r -- "<<$BUFFER>>"; BUFFER=; zle -I }'
    zpty -w z 'zle -N show; bindkey "^X" show; print READY""NOW'
    zpty -r z out '*READYNOW*'
    for line in "$@"; do
      zpty -w -n z "$line"$'\\x18'
      zpty -r z out '*<<*>>*'
      print -r -- "\${\${out##*<<}%%>>*}"
    done
    zpty -d z`;

  const completions = [
    ['recap tr', 'recap train '],
    ['recap train --con', 'recap train --config='],
    ['recap train --set model.ce', 'recap train --set model.cell='],
    ['recap train --set model.cell=l', 'recap train --set model.cell=lstm '],
    ['recap train --set=model.cell=l', 'recap train --set=model.cell=lstm '],
    ['recap train --config con', 'recap train --config config/shapes.yaml '],
    ['recap train --config ow', 'recap train --config own.yaml '],
    ['recap show runs/my', 'recap show runs/my\\ run/'],
    ['recap train --resume sw', 'recap train --resume sweeps/s/plain/'],
    ['recap caption ph', 'recap caption photo.jpg '],
    ['recap caption --split v', 'recap caption --split val '],
    ['recap completion f', 'recap completion fish '],
  ];

  it('completes a word of which one thing alone can come', () => {
    const words = completions.map(([line]) => line!);
    const lines = run('zsh', ['-f', '-c', asked, 'zsh', scriptFor('zsh'), ...words])
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => line.trimEnd())).toEqual(completions.map(([, completed]) => completed!.trimEnd()));
  });
});
