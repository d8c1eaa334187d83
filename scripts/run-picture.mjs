// Draws a run as an SVG: what the terminal showed beside the loss curve.
//
//   recap train --config config/shapes.yaml --run runs/a | tee a.log
//   node scripts/run-picture.mjs runs/a a.log > docs/run.svg
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [run, log] = process.argv.slice(2);
if (!run || !log) {
  console.error('usage: node scripts/run-picture.mjs RUN LOG > PICTURE.svg');
  process.exit(2);
}

const font = 12;
const lineHeight = 17;
const charWidth = 7.25;
const mostColumns = 112;
const chartHeight = 220;
const margin = 16;

const lines = readFileSync(log, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => (line.length > mostColumns ? `${line.slice(0, mostColumns - 1)}…` : line));
const records = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n').map(JSON.parse);
const steps = records.filter(({ type }) => type === 'step');
const validations = records.filter(({ type }) => type === 'validation');

const width = Math.ceil(mostColumns * charWidth + 2 * margin);
const textHeight = lines.length * lineHeight + 2 * margin;
const height = textHeight + chartHeight + 3 * margin;

const top = Math.max(...steps.map(({ loss }) => loss));
const last = steps.at(-1).step;
const left = margin + 40;
const right = width - margin;
const base = textHeight + margin + chartHeight;
const x = (step) => left + ((right - left) * step) / last;
const y = (loss) => base - (chartHeight * loss) / top;
const point = ({ step, loss }) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`;
const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const text = lines
  .map((line, i) => `<text x="${margin}" y="${margin + (i + 1) * lineHeight}">${escaped(line)}</text>`)
  .join('\n');

console.log(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>A training run in the terminal, and its loss curve</title>
<style>text { font: ${font}px ui-monospace, Menlo, Consolas, monospace; fill: #d6deeb; white-space: pre } .axis { fill: #8b98a9 }</style>
<rect width="100%" height="100%" rx="8" fill="#0b1622"/>
${text}
${ticks.map((tick) => `<path d="M${left} ${y(tick).toFixed(1)}H${right}" stroke="#22364a"/><text class="axis" x="${margin}" y="${(y(tick) + 4).toFixed(1)}">${tick.toFixed(0)}</text>`).join('\n')}
<polyline points="${steps.map(point).join(' ')}" fill="none" stroke="#5aa9e6" stroke-width="1.2"/>
${validations.map((record) => `<circle cx="${x(record.step).toFixed(1)}" cy="${y(record.loss).toFixed(1)}" r="4" fill="#f5b041"/>`).join('\n')}
<text class="axis" x="${right}" y="${base + 18}" text-anchor="end">loss a caption: training (line), validation (dots), ${last} steps</text>
</svg>`);
