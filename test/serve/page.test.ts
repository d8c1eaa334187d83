/** The page of `recap serve` in a real browser. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { isWiderThanThePhone, launchBrowser, phonePage } from '../support/browser.js';
import { describeWith } from '../support/requirements.js';
import { temporaryFolder } from '../training/runs.js';
import { type Serving, startServing, upload } from './serve-command.js';
import { type TrainedRun, trainedRun } from './trained-run.js';

describeWith({ command: 'chromium' }, 'the page of recap serve', () => {
  let trained: TrainedRun;
  let serving: Serving;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    trained = await trainedRun();
    serving = await startServing(['--checkpoint', trained.run, '--beam', '3', '--nbest', '3']);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    serving?.process.kill('SIGKILL');
    trained?.remove();
  });
  beforeEach(async () => {
    ({ page, complaints } = await phonePage(browser));
    await page.goto(serving.url);
  });
  afterEach(() => page.close());

  const status = () => page.getByRole('status');

  it('shows the captions of a photo and where each word looked, on the width of a phone', async () => {
    expect(await isWiderThanThePhone(page)).toBe(false);
    const [photo] = trained.photos;
    const { json } = await upload(serving.url, readFileSync(photo!));
    const captions = (json.captions as { caption: string }[]).map(({ caption }) => caption);
    await page.getByLabel('Photo', { exact: true }).setInputFiles(photo!);
    await page.getByRole('heading', { name: 'Where each word looked' }).waitFor();
    expect(await status().textContent()).toBe(captions[0]);
    const items = await page.getByRole('listitem').allTextContents();
    expect(items.map((item) => item.replace(/ log probability -\d+\.\d\d$/, ''))).toEqual(captions);
    expect(await page.locator('figcaption').allTextContents()).toEqual(captions[0]!.split(' '));
    expect(await page.getByRole('img', { name: /^looked most at row \d, column \d of \d/ }).count()).toBe(
      captions[0]!.split(' ').length,
    );
    // Read out loud, the photo is its caption.
    expect(await page.locator('#preview').getAttribute('alt')).toBe(captions[0]);
    expect(await isWiderThanThePhone(page)).toBe(false);
    expect(complaints).toEqual([]);
  });

  it('is used by the keyboard alone', async () => {
    page.on('filechooser', (chooser) => void chooser.setFiles(trained.photos[1]!));
    const names = ['Choose a photo, or drop or paste one here', 'Take a photo'];
    for (const [i, name] of names.entries()) {
      await page.reload();
      for (let presses = 0; presses <= i; presses++) await page.keyboard.press('Tab');
      expect(await page.evaluate('document.activeElement.textContent')).toBe(name);
      await page.keyboard.press(i === 0 ? 'Enter' : 'Space');
      await page.getByRole('heading', { name: 'Where each word looked' }).waitFor();
    }
    expect(await status().getAttribute('aria-live')).toBe('polite');
    expect(complaints).toEqual([]);
  });

  it('takes a photo that is dropped', async () => {
    const bytes = readFileSync(trained.photos[2]!).toString('base64');
    await page.evaluate(`{
      const bytes = Uint8Array.from(atob('${bytes}'), (character) => character.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], 'dropped.png', { type: 'image/png' }));
      document.getElementById('choose').dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }));
    }`);
    await page.getByRole('heading', { name: 'Where each word looked' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('says why a file has no captions', async () => {
    const file = join(temporaryFolder(), '<b>text.txt');
    writeFileSync(file, 'not an image');
    await page.getByLabel('Photo', { exact: true }).setInputFiles(file);
    const why = 'photo: not a photo that is read here; expected JPEG, PNG, GIF, WebP, TIFF or AVIF.';
    await page.getByText(why).waitFor();
    expect(await status().textContent()).toBe(why);
  });
});
