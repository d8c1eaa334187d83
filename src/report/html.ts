/** Pages in one file that needs nothing else, and in which nothing runs. */

export interface Page {
  readonly title: string;
  readonly heading: string;
  /** CSS beside that of all pages. */
  readonly style: string;
  /** HTML. */
  readonly body: string;
}

export function htmlPage({ title, heading, style, body }: Page): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${asHtml(title)}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color-scheme: light dark; }
figure { margin: 0; }
small { opacity: 0.7; overflow-wrap: anywhere; }
.error { color: #c22; }
${style}
</style>
<h1>${asHtml(heading)}</h1>
<p>${asHtml(title)}</p>
${body}
</html>
`;
}

export function jpegAddress(picture: Uint8Array): string {
  return `data:image/jpeg;base64,${Buffer.from(picture).toString('base64')}`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function asHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}
