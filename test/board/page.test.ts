/** The page of `recap board` in a real browser. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Serving, startServing } from '../serve/serve-command.js';
import { recap } from '../support/command.js';
import { describeWith } from '../support/requirements.js';
import { append, line, runsFolder, stepLine, writeEvaluation, writeRun } from './fake-run.js';

const hostile = '<img src=x onerror=alert(1)></script><script>alert(2)</script>';

describeWith({ command: 'chromium' }, 'the page of recap board', () => {
  let runs: string;
  let first: string;
  let serving: Serving;
  let browser: Browser;
  let page: Page;
  /** What the browser complains of: errors of the script, and what the page's policy forbids. */
  let complaints: string[];
  /** Addresses elsewhere that were asked for. */
  let asked: string[];

  beforeAll(async () => {
    runs = runsFolder();
    first = await writeRun(runs);
    await writeRun(runs, { name: 'second', hiddenDim: 48, steps: 150 });
    await writeRun(runs, {
      name: 'x"><b>hostile</b>',
      captions: [hostile, `${hostile} runs`],
      events: [{ type: 'health', step: 3, kind: hostile, message: hostile }],
    });
    writeEvaluation(first);
    serving = await startServing([runs], 'board');
    const executablePath = execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim();
    // As root, and in a container, a browser has no sandbox.
    const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
    browser = await chromium.launch({ executablePath, args, timeout: 120_000 });
  });
  afterAll(async () => {
    await browser?.close();
    serving?.process.kill('SIGKILL');
    rmSync(runs, { recursive: true, force: true });
  });
  beforeEach(() => {
    complaints = [];
    asked = [];
  });
  afterEach(() => page.context().close());

  async function open(url: string, options: BrowserContextOptions = {}): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, ...options });
    page = await context.newPage();
    page.setDefaultTimeout(60_000);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => complaints.push(dialog.message()));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url()) && !request.url().startsWith(serving.url)) asked.push(request.url());
    });
    await page.goto(url);
  }

  const openRuns = (names: readonly string[], options?: BrowserContextOptions) =>
    open(`${serving.url}?${new URLSearchParams(names.map((name) => ['run', name]))}`, options);
  const chart = (title: string) =>
    page.locator('figure.chart').filter({ has: page.getByRole('heading', { name: title, exact: true }) });
  const plot = (title: string) => chart(title).getByRole('application');
  /** Until the words about a curve are these. */
  const until = (title: string, words: RegExp) =>
    chart(title).locator('details p', { hasText: words }).waitFor({ state: 'attached' });
  const isWiderThanThePage = () =>
    page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');

  async function drag(title: string, from: number, to: number): Promise<void> {
    await plot(title).scrollIntoViewIfNeeded();
    await plot(title).locator('.u-over').waitFor();
    const { x, y, width, height } = (await plot(title).locator('.u-over').boundingBox())!;
    await page.mouse.move(x + from * width, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + to * width, y + height / 2, { steps: 5 });
    await page.mouse.up();
  }

  /** Two fingers, from shares of the chart's width to others in so many moves of each. */
  async function pinch(title: string, from: readonly number[], to: readonly number[], moves: number): Promise<void> {
    await plot(title).evaluate(
      (target, { from, to, moves }) => {
        const { left, width } = target.getBoundingClientRect();
        const touch = (type: string, move: number) =>
          from.forEach((begin, finger) => {
            const clientX = left + width * (begin + ((to[finger]! - begin) * move) / moves);
            const touched = { pointerId: finger + 1, pointerType: 'touch', clientX };
            target.dispatchEvent(new PointerEvent(type, touched));
          });
        touch('pointerdown', 0);
        for (let move = 1; move <= moves; move++) touch('pointermove', move);
        touch('pointerup', moves);
      },
      { from, to, moves },
    );
  }

  it('shows steps as they come, and begins anew when a run is cut back', async () => {
    const dir = await writeRun(runs, { name: 'live', steps: 100 });
    await openRuns(['live']);
    await until('Loss', /last 6\./);
    append(
      dir,
      stepLine(101, { loss: 77 }),
      stepLine(102, { loss: 3.25 }),
      line({ type: 'validation', step: 102, epoch: 2, loss: 4.5, wordsPerCaption: 9.75 }),
    );
    await until('Loss', /highest 77 at step 101/);
    await until('Loss', /validation: lowest 4\.5 at step 102/);
    // Nothing but the log knows of it.
    await until('wordsPerCaption', /9\.75 at step 102/);
    const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/rows');
    await drag('Loss', 0.6, 0.8);
    await until('Loss', /highest .* at step [67]\d, last/);
    await answered;
    // Whoever goes on with a run replaces its log by a shorter one.
    const cut = readFileSync(join(dir, 'metrics.jsonl'), 'utf8').split('\n').slice(0, 40);
    writeFileSync(join(dir, 'new'), `${cut.join('\n')}\n`);
    renameSync(join(dir, 'new'), join(dir, 'metrics.jsonl'));
    await until('Loss', /^training: no values\.$/);
    await page.getByRole('button', { name: 'Whole run' }).click();
    await until('Loss', /^training: lowest [\d.]+ at step [34]\d, highest [\d.]+ at step [1-3], last [\d.]+\.$/);
    expect(complaints).toEqual([]);
    rmSync(dir, { recursive: true });
  });

  it('zooms by mouse, keyboard and fingers, all charts alike, and shows more of what is there', async () => {
    const dir = await writeRun(runs, { name: 'long', steps: 20_000 });
    const log = join(dir, 'metrics.jsonl');
    const spike = stepLine(10_007, { gradientNorm: 9 });
    writeFileSync(log, readFileSync(log, 'utf8').replace(stepLine(10_007), spike));
    await openRuns(['long']);
    // Of a curve that is thinned a spike has the place of its stretch's first or last step, here of 26.
    await until('Gradient norm', /highest 9 at step 10,0(?!07)\d\d,/);
    await drag('Loss', 0.48, 0.53);
    await until('Gradient norm', /highest 9 at step 10,007,/);
    await until('Loss', /highest .* at step (9,[5-9]|10,)/);
    const steps = chart('Gradient norm').locator('tbody th');
    await chart('Gradient norm').getByText('In words and numbers').click();
    await steps.nth(19).waitFor();
    for (const step of await steps.allTextContents()) expect(step).toMatch(/^step (9,[5-9]|10,)/);
    await plot('Loss').focus();
    await page.keyboard.press('0');
    await until('Loss', /highest .* at step [1-5]\b/);
    await page.keyboard.press('End');
    const said = chart('Loss').getByRole('status');
    expect(await said.textContent()).toMatch(/^step 20,000; training 5\.\d+; validation 6$/);
    await page.keyboard.press('+');
    await until('Loss', /highest .* at step 1\d,/);
    expect(await page.getByRole('button', { name: 'Whole run' }).isEnabled()).toBe(true);
    await page.getByRole('button', { name: 'Whole run' }).click();
    await until('Loss', /highest .* at step [1-5]\b/);
    await pinch('Loss', [0.4, 0.6], [0.2, 0.8], 1);
    // Three times as far apart: a third of all, in the middle.
    await until('Loss', /lowest .* at step ([6-9]|1[0-3]),\d+, highest .* at step ([6-9]|1[0-3]),\d+, last/);
    await page.getByLabel('log scale').check();
    await page.getByLabel('Axis').selectOption('time');
    await until('Loss', /last .* at .* min|highest .* at \d/);
    expect(complaints).toEqual([]);
    rmSync(dir, { recursive: true });
  });

  it('asks for a stretch once, however many moves lead to it, and not for how it is drawn', async () => {
    await openRuns(['first']);
    const stretches: string[] = [];
    const isStretch = (address: string) => new URL(address).pathname === '/rows';
    page.on('request', (request) => {
      if (isStretch(request.url())) stretches.push(request.url());
    });
    const answer = () => page.waitForResponse((response) => isStretch(response.url()));
    await plot('Loss').locator('canvas').waitFor();
    const pinched = answer();
    await pinch('Loss', [0.4, 0.6], [0.3, 0.7], 20);
    await pinched;
    for (const smoothing of ['0.1', '0.5', '0.9']) await page.getByLabel('smoothing').fill(smoothing);
    await page.getByLabel('log scale').check();
    const closer = answer();
    await plot('Loss').focus();
    await page.keyboard.press('+');
    await closer;
    expect(stretches).toHaveLength(2);
    expect(complaints).toEqual([]);
  });

  it('lays runs over one another and says where their configs differ', async () => {
    await openRuns(['first']);
    await page.getByText(/^Runs: 1 of/).click();
    await page.getByRole('checkbox', { name: 'second' }).check();
    await until('Loss', /first, training: .*second, training: /s);
    expect(await page.locator('.difference').allTextContents()).toEqual(['model.hiddenDim24 of first48 of second']);
    expect(page.url()).toContain('run=first&run=second');
    await page.getByLabel('Below, all about').selectOption('second');
    await page.getByText('recap evaluate --run', { exact: false }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('shows the run that it began with when one goes back', async () => {
    const two = await startServing([first, join(runs, 'second')], 'board');
    await open(two.url);
    await page.getByText(/^Runs: 1 of 2/).click();
    const ticked = page.locator('.picker input:checked');
    const begun = await ticked.inputValue();
    await page.getByRole('checkbox', { checked: false, name: /^(first|second)$/ }).click();
    await page.getByText(/^Runs: 2 of 2/).waitFor();
    await page.goBack();
    await page.getByText(/^Runs: 1 of 2/).waitFor();
    expect(await ticked.inputValue()).toBe(begun);
    await page.getByRole('heading', { name: begun, exact: true }).waitFor();
    expect(complaints).toEqual([]);
    two.process.kill('SIGKILL');
  });

  it('finds runs by a part of their name, and the focus stays where one types', async () => {
    const dirs = [];
    for (let i = 0; i < 6; i++) dirs.push(await writeRun(runs, { name: `more-${i}`, steps: 5 }));
    await openRuns(['first']);
    await page.getByText(/^Runs: 1 of 9/).click();
    const filter = page.getByRole('searchbox');
    await filter.pressSequentially('more-4');
    expect(await page.locator('.picker input[type=checkbox]').count()).toBe(1);
    expect(await filter.evaluate((target) => target === document.activeElement)).toBe(true);
    await page.getByRole('checkbox', { name: 'more-4' }).check();
    await page.getByText(/^Runs: 2 of 9/).waitFor();
    expect(await page.evaluate('document.activeElement.value')).toBe('more-4');
    expect(complaints).toEqual([]);
    for (const dir of dirs) rmSync(dir, { recursive: true });
  });

  it('compares the config of a run with one that has none', async () => {
    const dir = await writeRun(runs, { name: 'bare', steps: 10 });
    rmSync(join(dir, 'config.yaml'));
    await openRuns(['bare', 'first']);
    await page.locator('.difference').first().waitFor();
    expect(await page.locator('.difference').allTextContents()).toEqual([
      'model.cellnot set of bare"lstm" of first',
      'model.hiddenDimnot set of bare24 of first',
      'train.epochsnot set of bare2 of first',
      'train.batchSizenot set of bare100 of first',
    ]);
    expect(complaints).toEqual([]);
    rmSync(dir, { recursive: true });
  });

  it('shows captions with their images, how they changed, where each word looked, and the last evaluation', async () => {
    await openRuns(['first']);
    const picture = page.getByRole('img', { name: 'Image 0: a red dog runs' });
    await picture.waitFor();
    await page.waitForFunction('document.querySelector(".sample img").naturalWidth === 40');
    expect(await page.locator('.history li').allTextContents()).toEqual(['step 200a red dog runs', 'step 100a dog']);
    expect(await page.locator('.history mark').allTextContents()).toEqual(['red', 'runs']);
    expect(await page.getByRole('img', { name: 'looked most at row 2, column 2 of 2' }).count()).toBe(4);
    const evaluated = page.locator('.evaluated li.card');
    expect(await evaluated.locator('.caption').allTextContents()).toEqual(
      [19, 18, 17, 16, 15, 14, 13, 12, 0, 1, 2, 3, 4, 5, 6, 7].map((image) => `caption ${image}`),
    );
    expect(await evaluated.first().locator('ol li').allTextContents()).toEqual([
      'caption 19 log probability -2.50',
      'another 19 log probability -3.50',
    ]);
    expect(await evaluated.first().locator('ul li').allTextContents()).toEqual(['reference 19']);
    // The image's address is told, not asked.
    await page.getByText('http://images.example/1.jpg').waitFor();
    expect(asked).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('takes captions, messages and names for text, whatever they say', async () => {
    await openRuns(['x"><b>hostile</b>']);
    await page.locator('.sample .caption', { hasText: `${hostile} runs` }).waitFor();
    await page.locator('.notices li', { hasText: hostile }).waitFor();
    expect(await page.locator('h3', { hasText: 'x"><b>hostile</b>' }).count()).toBe(1);
    expect(await page.locator('b', { hasText: /^hostile$/ }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('says what is not there yet', async () => {
    const dir = join(runs, 'empty');
    mkdirSync(join(dir, 'checkpoints'), { recursive: true });
    writeFileSync(join(dir, 'metrics.jsonl'), '');
    await openRuns(['empty']);
    await page.getByText('none yet').waitFor();
    await page.getByText('No captions yet').waitFor();
    await page.getByText('No evaluation yet').waitFor();
    append(dir, '{"type":"fault","step":1e999,"message":"at no step"}\n', stepLine(1));
    await until('Loss', /^training: 9\.\d+ at step 1\.$/);
    expect(complaints).toEqual([]);
    rmSync(dir, { recursive: true });
  });

  it('is one file that works from the disk without a network', async () => {
    const file = join(runs, 'report <&>.html');
    const { status, stdout } = recap([
      'board',
      ...['first', 'x"><b>hostile</b>'].map((name) => join(runs, name)),
      '--out',
      file,
    ]);
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('2 runs') });
    expect(readFileSync(file, 'utf8')).not.toMatch(/(src|href)="?https?:/);
    await open(pathToFileURL(file).href, { offline: true });
    await until('Loss', /first, training: lowest/);
    await drag('Loss', 0.2, 0.4);
    await until('Loss', /first, training: lowest .* at step [4-8]\d,/);
    await page.waitForFunction('document.querySelector(".sample img").naturalWidth === 40');
    await page.getByLabel('Below, all about').selectOption('b>');
    await page.locator('.sample .caption', { hasText: `${hostile} runs` }).waitFor();
    expect(asked).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it.each(['light', 'dark'] as const)('passes axe, and fits a phone, in %s', async (colorScheme) => {
    await openRuns(['first', 'second', 'x"><b>hostile</b>'], { viewport: { width: 360, height: 640 }, colorScheme });
    await page.getByText(/^Runs: 3 of/).click();
    for (const title of ['Loss', 'CIDEr']) {
      await plot(title).scrollIntoViewIfNeeded();
      await plot(title).locator('canvas').waitFor();
      await chart(title).getByText('In words and numbers').click();
    }
    await page.getByText('config.yaml', { exact: true }).click();
    expect(await isWiderThanThePage()).toBe(false);
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults;
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))])).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
