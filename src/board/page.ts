/** The board's page: its script and style are made of browser/ and stand in it, so that it fetches none. */
import { policyOf, unframed } from '../http/policy.js';
import { asHtml } from '../report/html.js';
import { pageScript, pageStyle } from '../report/page-script.js';

export interface ServedPage {
  readonly html: string;
  /** Its Content-Security-Policy. */
  readonly policy: string;
}

/** The page that asks the server. */
export function boardPage(): ServedPage {
  const script = pageScript('board');
  const style = pageStyle('board');
  const policy = policyOf({ script, style, images: "'self' data:", connect: "'self'" });
  return { html: pageOf(script, style, '', ''), policy: policy + unframed };
}

/** JSON that can stand in a script element. */
export function scriptJson(data: unknown): string {
  // Text in it that looked like the end of the element would be that end.
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}

/**
 * The page with all that it shows.
 *
 * @param data BoardData as `scriptJson` writes it
 */
export function boardFile(data: string): string {
  const script = pageScript('board');
  const style = pageStyle('board');
  const policy = `<meta http-equiv="Content-Security-Policy" content="${asHtml(policyOf({ script, style, images: 'data:' }))}">`;
  return pageOf(script, style, policy, `<script type="application/json" id="data">${data}</script>`);
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
<script type="module">${script}</script>
</body>
</html>
`;
}
