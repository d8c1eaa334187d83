/** The page on which one gives a photo and reads its captions: one file that fetches nothing, from nowhere. */
import { createHash } from 'node:crypto';
import { captioningPage, captioningStyle } from '../report/captioning-page.js';
import { pageScript } from '../report/page-script.js';

export interface ServedPage {
  readonly html: string;
  /** Its Content-Security-Policy. */
  readonly policy: string;
}

/**
 * @param title what captions the photos
 * @param largest bytes of a photo
 */
export function photoPage(title: string, largest: number): ServedPage {
  const code = pageScript('serve');
  const html = captioningPage({
    title,
    accepted: 'image/jpeg,image/png,image/gif,image/webp,image/tiff,image/avif',
    largest,
    head: `<style>${captioningStyle}</style>`,
    settings: '',
    script: `<script type="module">${code}</script>`,
  });
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(code)}`,
    `style-src ${hashOf(captioningStyle)}`,
    'img-src blob: data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, policy };
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
