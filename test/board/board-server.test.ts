/** `recap board` as a program of its own, and its clients, over real connections. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { namedRuns } from '../../src/board/named-runs.js';
import { readPicture } from '../../src/board/run-files.js';
import { type Serving, startServing } from '../serve/serve-command.js';
import { recap } from '../support/command.js';
import { temporaryFolder } from '../training/runs.js';
import { runsFolder, writeRun } from './fake-run.js';

let runs: string;
let first: string;
let serving: Serving;

beforeAll(async () => {
  runs = runsFolder();
  first = await writeRun(runs);
  await writeRun(join(runs), { name: 'sweep/a' });
  serving = await startServing([runs], 'board');
});
afterAll(() => serving?.process.kill('SIGKILL'));

/** A request whose path and headers are sent as they are. */
function answerTo(path: string, headers: Record<string, string> = {}, method = 'GET') {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
    const { hostname, port } = new URL(serving.url);
    const sent = request({ hostname, port, method, headers, path }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    sent.on('error', reject).end();
  });
}

const query = (words: Record<string, string>) => new URLSearchParams(words);

describe('the server of recap board', () => {
  it('lets nothing run but its own script, and embeds nowhere', async () => {
    const { status, headers } = await answerTo('/');
    expect(status).toBe(200);
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'; script-src 'sha256-");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
  });

  it('answers its own page alone', async () => {
    expect(await answerTo('/', { Host: 'rebound.example' })).toMatchObject({ status: 403 });
    expect(await answerTo('/events', { Origin: 'http://evil.example' })).toMatchObject({ status: 403 });
    expect(await answerTo('/', {}, 'POST')).toMatchObject({ status: 405 });
    expect(await answerTo('/etc/passwd')).toMatchObject({ status: 404 });
    expect(await answerTo('/../../etc/passwd')).toMatchObject({ status: 404 });
    expect(await answerTo('//')).toMatchObject({ status: 404 });
  });

  it('gives a stretch of a run, and says what it wants where it is asked otherwise', async () => {
    const { body } = await answerTo(`/rows?${query({ run: 'first', axis: 'step', from: '20', to: '22' })}`);
    // One beyond each end, so that the curve goes on to the edge.
    expect(JSON.parse(body).steps.values.step).toEqual([19, 20, 21, 22]);
    expect(await answerTo('/rows?run=first&from=x&to=2')).toMatchObject({ status: 400 });
    expect(await answerTo('/rows?run=nothing&from=1&to=2')).toMatchObject({ status: 404 });
  });

  it('reads no path outside of the runs that it shows', async () => {
    const outside = temporaryFolder();
    writeFileSync(join(outside, 'secret.png'), 'secret');
    symlinkSync(join(outside, 'secret.png'), join(first, 'images/link.png'));
    expect(await answerTo(`/picture?${query({ run: 'first', path: 'images/val-0.png' })}`)).toMatchObject({
      status: 200,
      headers: { 'content-type': 'image/png', 'x-content-type-options': 'nosniff' },
    });
    const paths = [
      'images/link.png',
      'config.yaml',
      'images/../config.yaml',
      'images/..%2f..%2fsecret.png',
      '/etc/passwd',
    ];
    const asked = [
      ...paths.map((path) => ({ run: 'first', path })),
      ...['..', '../..', 'first/..', 'first/images', outside, 'sweep'].map((run) => ({
        run,
        path: 'images/val-0.png',
      })),
    ];
    for (const each of asked)
      expect(await answerTo(`/picture?${query(each)}`), JSON.stringify(each)).toMatchObject({ status: 404 });
    // Nor where a folder on the way is a link.
    const linked = join(temporaryFolder(), 'run');
    mkdirSync(linked);
    symlinkSync(outside, join(linked, 'images'));
    expect(readPicture(linked, 'images/secret.png')).toBeNull();
  });

  it('finds runs in folders, and follows no links', async () => {
    symlinkSync(await writeRun(runsFolder(), { name: 'elsewhere' }), join(runs, 'elsewhere'));
    expect(namedRuns([runs]).map(({ name }) => name)).toEqual(['first', 'sweep/a']);
    expect(namedRuns([first, runs]).map(({ name }) => name)).toEqual(['first', 'sweep/a']);
  });
});

describe('recap board', () => {
  it('says what it needs', () => {
    const empty = temporaryFolder();
    const nowhere = join(empty, 'nowhere');
    expect(recap(['board', nowhere])).toMatchObject({
      status: 2,
      stderr: `recap: There is no folder ${nowhere}; expected a run, or a folder that runs are in.\n`,
    });
    expect(recap(['board', empty, '--out', join(empty, 'a.html')])).toMatchObject({
      status: 2,
      stderr: `recap: There is no run in ${empty}: recap train makes one.\n`,
    });
    const { status, stderr } = recap(['board', first, '--out', join(nowhere, 'a.html')]);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^recap: --out .*a\.html cannot be written: /),
    });
  });
});
