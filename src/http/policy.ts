/** A Content-Security-Policy that lets nothing run but what a page brings along. */
import { createHash } from 'node:crypto';

export interface PageParts {
  readonly script: string;
  readonly style: string;
  /** Where pictures may come from. */
  readonly images: string;
  /** Where the script may ask; nowhere by default. */
  readonly connect?: string;
}

/** As it stands in the page; a header adds `frame-ancestors 'none'`, which a page cannot say of itself. */
export function policyOf({ script, style, images, connect = "'none'" }: PageParts): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    `img-src ${images}`,
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

export const unframed = "; frame-ancestors 'none'";

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
