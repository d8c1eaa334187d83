/** The board's page: its script and style are compiled from page/ and stand in it, so that it fetches none. */
import { readFileSync } from 'node:fs';
import { policyOf, unframed } from '../http/policy.js';
import { asHtml } from '../report/html.js';
import type { BoardData } from './board-data.js';

export interface ServedPage {
  readonly html: string;
  /** Its Content-Security-Policy. */
  readonly policy: string;
}

/** What `npm run build` puts beside the compiled file, which tests of the source find in dist. */
function built(name: string): string {
  const beside = new URL(`page/${name}`, import.meta.url);
  const compiled = new URL(`../../dist/src/board/page/${name}`, import.meta.url);
  try {
    return readFileSync(beside, 'utf8');
  } catch {
    return readFileSync(compiled, 'utf8');
  }
}

/** The page that asks the server. */
export function boardPage(): ServedPage {
  const script = built('bundle.js');
  const style = built('bundle.css');
  const policy = policyOf({ script, style, images: "'self' data:", connect: "'self'" });
  return { html: pageOf(script, style, '', ''), policy: policy + unframed };
}

/** The page with all that it shows. */
export function boardFile(data: BoardData): string {
  const script = built('bundle.js');
  const style = built('bundle.css');
  // Text in it that looked like the end of the element would be that end.
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  const policy = `<meta http-equiv="Content-Security-Policy" content="${asHtml(policyOf({ script, style, images: 'data:' }))}">`;
  return pageOf(script, style, policy, `<script type="application/json" id="data">${json}</script>`);
}

function pageOf(script: string, style: string, policy: string, data: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${policy}
<link rel="icon" href="data:,">
<title>recap board</title>
<style>${style}</style>
</head>
<body>
<noscript>This page draws its curves by a script, which is turned off.</noscript>
<div id="board"></div>
${data}
<script>${script}</script>
</body>
</html>
`;
}
