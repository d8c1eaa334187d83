import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where recap keeps what it can make again: RECAP_CACHE_DIR, or recap's folder in XDG_CACHE_HOME or ~/.cache. */
export function cacheFolder(): string {
  const { RECAP_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  return RECAP_CACHE_DIR || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'recap');
}
