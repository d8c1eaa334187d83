/** Debian's Chromium, for tests of pages. */
import { execFileSync } from 'node:child_process';
import { type Browser, chromium, type Page } from 'playwright-core';

export async function launchBrowser(): Promise<Browser> {
  const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
  // As root, and in a container, a browser has no sandbox.
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  return await chromium.launch({ executablePath, args, timeout: 120_000 });
}

export interface PhonePage {
  readonly page: Page;
  /** What the browser complains of: errors of the script, and what the page's policy forbids. */
  readonly complaints: string[];
}

/** A page of the width of a phone. */
export async function phonePage(browser: Browser): Promise<PhonePage> {
  const page = await browser.newPage({ viewport: { width: 360, height: 640 } });
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return { page, complaints };
}

export async function isWiderThanThePhone(page: Page): Promise<boolean> {
  return await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');
}
