// Draws a terminal in which a run is under way as an SVG: in tmux, looked at after its second validation.
//
//   node scripts/run-picture.mjs --config config/flickr8k-lstm.yaml > docs/run.svg
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { shellWord } from '../dist/src/shell-word.js';

const columns = 100;
const rows = 32;
const font = 13;
const columnWidth = 7.83;
const rowHeight = 18;
const margin = 16;
const colours = { text: '#d6deeb', dim: '#7f8fa4', 32: '#8bd17c', 33: '#f5b041', 36: '#5ab0e6' };

const main = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));
/** Of `recap train`. */
const words = process.argv.slice(2);
/** Made for the picture, and deleted. */
const run = 'runs/picture';
const server = `run-picture-${process.pid}`;
const tmux = (...words) => execFileSync('tmux', ['-L', server, ...words], { encoding: 'utf8' });

/** The screen with its styles, once the run has validated and gone on. */
async function screenOfRun() {
  if (existsSync(run)) throw new Error(`${run} is there already.`);
  try {
    const command = `exec env -u NO_COLOR -u CI ${['node', main, 'train', ...words, '--run', run].map((word) => shellWord(word)).join(' ')}`;
    const size = ['-x', String(columns), '-y', String(rows)];
    tmux('-u', '-f', '/dev/null', 'new-session', '-d', '-c', process.cwd(), ...size, command);
    for (;;) {
      const screen = tmux('capture-pane', '-p', '-e');
      if (/after epoch \d+.*after epoch \d+.*\d+\/\d+ [^\n]*━/s.test(screen)) return screen.trimEnd();
      await setTimeout(50);
    }
  } finally {
    tmux('kill-server');
    // The run is still writing its last checkpoint.
    rmSync(run, { recursive: true, force: true, maxRetries: 40, retryDelay: 250 });
  }
}

/** A row as pieces of one style each, by their columns. */
function piecesOf(row) {
  const pieces = [];
  let column = 0;
  let isDim = false;
  let colour = colours.text;
  for (const part of row.split('\u001b[')) {
    const [, codes, text] = /^([\d;]*)m(.*)$/.exec(part) ?? [null, null, part];
    for (const code of codes === null ? [] : codes.split(';')) {
      if (code === '' || code === '0' || code === '39') colour = colours.text;
      else if (code in colours) colour = colours[code];
      if (code === '2') isDim = true;
      else if (code === '' || code === '0' || code === '22') isDim = false;
    }
    // Several blanks in a row may be lost on the way: what is between them has its own place.
    for (const { 0: words, index } of text.matchAll(/\S+(?: \S+)*/g)) {
      pieces.push({ column: column + index, words, colour: isDim ? colours.dim : colour });
    }
    column += text.length;
  }
  return pieces;
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Its length is said, so that all of a row stands where it should in any font. */
function drawn({ column, words, colour }, y) {
  const x = (margin + column * columnWidth).toFixed(1);
  const length = (words.length * columnWidth).toFixed(1);
  const fill = colour === colours.text ? '' : ` fill="${colour}"`;
  return `<text x="${x}" y="${y}" textLength="${length}"${fill}>${escaped(words)}</text>`;
}

const lines = (await screenOfRun()).split('\n');
const width = Math.ceil(columns * columnWidth + 2 * margin);
const height = lines.length * rowHeight + 2 * margin;
console.log(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>A training run in the terminal</title>
<style>text { font: ${font}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }</style>
<rect width="100%" height="100%" rx="8" fill="#0b1622"/>
<g fill="${colours.text}">
${lines.flatMap((line, i) => piecesOf(line).map((piece) => drawn(piece, margin + (i + 1) * rowHeight - 5))).join('\n')}
</g>
</svg>`);
