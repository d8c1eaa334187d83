/** Texts of a run in the Markdown that TensorBoard shows. */
import { oneLine } from '../../../one-line.js';
import type { SampleRecord } from '../records.js';

/** Foreign text as itself, whatever its words. */
export function asMarkdown(words: string): string {
  return oneLine(words).replaceAll(/[\\`*_{}[\]<>()#+\-.!|&~]/g, (character) => `\\${character}`);
}

export function configMarkdown(yaml: string): string {
  return yaml
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}

export function samplesMarkdown(samples: readonly SampleRecord[]): string {
  const rows = samples.map(
    ({ image, truth, generated, logProbability }) =>
      `| ${image} | ${asMarkdown(truth)} | ${asMarkdown(generated)} | ${logProbability.toFixed(2)} |`,
  );
  return ['| no. | true | generated | log p |', '|---|---|---|---:|', ...rows].join('\n');
}
