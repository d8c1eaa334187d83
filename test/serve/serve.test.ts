/** `recap serve` and its clients, over real connections. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaptionsPhotos } from '../../src/serve/photo-queue.js';
import { PhotoServer, type ServerOptions } from '../../src/serve/photo-server.js';
import { checkpointOfRun } from '../../src/training/checkpoints/checkpoint-folder.js';
import { PhotoCaptioner } from '../../src/training/loop/caption-photos.js';
import { captioningConfig } from '../../src/training/loop/captioning-config.js';
import { recap } from '../support/command.js';
import { type Serving, startServing, upload } from './serve-command.js';
import { type TrainedRun, trainedRun } from './trained-run.js';

/** However slow the machine. */
const patience = { timeout: 120_000 };
const search = ['--beam', '3', '--nbest', '2'];
let trained: TrainedRun;
let serving: Serving;

beforeAll(async () => {
  trained = await trainedRun();
  serving = await startServing(['--checkpoint', trained.run, ...search]);
});
afterAll(() => {
  serving?.process.kill('SIGKILL');
  trained?.remove();
});

/** A request whose Host is any. */
function statusFor(headers: Record<string, string>, method = 'GET', path = '/'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(serving.url, { method, headers, path }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    sent.on('error', reject).end();
  });
}

describe('recap serve', () => {
  it('answers 50 photos at once with what recap caption writes of them', async () => {
    const words = ['caption', '--checkpoint', trained.run, ...trained.photos, '--json', ...search];
    const lines = recap(words).stdout.trimEnd().split('\n');
    const expected = new Map<string, { caption: string; logProbability: number }[]>();
    for (const { image, ...caption } of lines.map((line) => JSON.parse(line))) {
      expected.set(image, [...(expected.get(image) ?? []), caption]);
    }
    const photos = Array.from({ length: 50 }, (_, i) => trained.photos[i % trained.photos.length]!);
    const answers = await Promise.all(photos.map((photo) => upload(serving.url, readFileSync(photo))));
    for (const [i, { status, json }] of answers.entries()) {
      expect(status).toBe(200);
      const wanted = expected.get(photos[i]!)!;
      const found = json.captions as typeof wanted;
      expect(found.map(({ caption }) => caption)).toEqual(wanted.map(({ caption }) => caption));
      for (const [n, { logProbability }] of found.entries()) {
        expect(logProbability).toBeCloseTo(wanted[n]!.logProbability, 4);
      }
    }
    expect(new Set(answers.map(({ json }) => JSON.stringify(json))).size).toBeGreaterThan(1);
  });

  it('says where each word looked, for those who ask', async () => {
    const { json } = await upload(serving.url, readFileSync(trained.photos[0]!), {}, 'caption?attention');
    const { captions, attention } = json as {
      captions: { caption: string }[];
      attention: { picture: string; side: number; words: { word: string; weights: number[] }[] };
    };
    expect(attention.words.map(({ word }) => word).join(' ')).toBe(captions[0]!.caption);
    expect(attention.picture).toMatch(/^data:image\/jpeg;base64,/);
    for (const { weights } of attention.words) {
      expect(weights).toHaveLength(attention.side ** 2);
      expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 4);
    }
  });

  it('refuses what is no photo, of another type, or too large', async () => {
    const refused = async (body: BodyInit, headers?: Record<string, string>) => {
      const { status, json } = await upload(serving.url, body, headers);
      return [status, json.error];
    };
    expect(await refused('not an image')).toEqual([
      422,
      'photo: not a photo that is read here; expected JPEG, PNG, GIF, WebP, TIFF or AVIF.',
    ]);
    expect(await refused('')).toEqual([422, 'photo: the file is empty.']);
    const damaged = readFileSync(trained.photos[0]!).subarray(0, 300);
    expect(await refused(damaged)).toEqual([422, expect.stringMatching(/^photo: cannot be decoded \(.*\)\.$/)]);
    const wrongType = 'Send the bytes of one photo, with Content-Type image/jpeg or the like.';
    expect(await refused('{}', { 'Content-Type': 'application/json' })).toEqual([415, wrongType]);
    expect(await refused('x', { 'Content-Encoding': 'gzip' })).toEqual([415, wrongType]);
    const tooLarge = 'More than 32 MB, which is the most that is read.';
    expect(await refused(new Uint8Array((32 << 20) + 1))).toEqual([413, tooLarge]);
    // In chunks, whose number nobody has said beforehand.
    const chunks = new Blob([new Uint8Array((32 << 20) + 1)]).stream();
    const response = await fetch(`${serving.url}caption`, {
      method: 'POST',
      headers: { 'Content-Type': 'image/png' },
      body: chunks,
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
  });

  it('refuses pages of other origins and names that are not its own', async () => {
    const { host, port } = new URL(serving.url);
    expect(await statusFor({ Host: host, Origin: `http://${host}` })).toBe(200);
    expect(await statusFor({ Host: `localhost:${port}` })).toBe(200);
    for (const Origin of ['https://example.com', 'null', `https://${host}`, 'http://127.0.0.1:1']) {
      expect(await statusFor({ Host: host, Origin })).toBe(403);
      expect(await statusFor({ Host: host, Origin, 'Content-Type': 'image/png' }, 'POST', '/caption')).toBe(403);
    }
    // Another name for this machine's address, as in DNS rebinding.
    for (const Host of ['rebound.example', `127.0.0.1.example:${port}`, 'localhost.example', '[::1', 'a b']) {
      expect(await statusFor({ Host })).toBe(403);
    }
    expect(await statusFor({ Host: host, Origin: 'https://example.com' }, 'OPTIONS', '/caption')).toBe(403);
  });

  it('knows four addresses, and how each is asked', async () => {
    expect(await statusFor({}, 'GET', '/nowhere')).toBe(404);
    expect(await statusFor({}, 'GET', '//')).toBe(404);
    expect(await statusFor({}, 'GET', '/caption')).toBe(405);
    expect(await statusFor({}, 'POST', '/metrics')).toBe(405);
    expect(await statusFor({}, 'HEAD', '/')).toBe(200);
    expect(await statusFor({}, 'GET', '/healthz')).toBe(200);
    const page = await fetch(serving.url);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'sha256-/);
    expect(await page.text()).not.toMatch(/(src|href)="(?!data:,)/);
  });

  it('counts what it answers', async () => {
    const photo = readFileSync(trained.photos[0]!);
    const count = async (name: string) => {
      const lines = (await (await fetch(`${serving.url}metrics`)).text()).split('\n');
      return Number(lines.find((line) => line.startsWith(`${name} `))?.split(' ')[1] ?? 0);
    };
    const names = ['200', '422'].map((status) => `recap_requests_total{status="${status}"}`);
    names.push('recap_caption_seconds_count', 'recap_caption_seconds_bucket{le="+Inf"}');
    const before = await Promise.all(names.map(count));
    for (const bytes of [photo, 'not an image', photo]) await upload(serving.url, bytes);
    const after = await Promise.all(names.map(count));
    expect(after.map((value, i) => value - before[i]!)).toEqual([2, 1, 3, 3]);
    expect(await count('recap_caption_seconds_sum')).toBeGreaterThan(0);
    expect(await count('process_resident_memory_bytes')).toBeGreaterThan(1e6);
    await expect.poll(() => count('recap_queue_length'), patience).toBe(0);
  });

  it('ends with 0 at SIGTERM, and says loudly where it lets others in', async () => {
    const open = await startServing(['--checkpoint', trained.run, '--host', '0.0.0.0']);
    expect(open.process.stderr).toContain(
      'warning: everyone who can reach this machine at 0.0.0.0 can use this server',
    );
    const { port } = new URL(open.url);
    const taken = recap(['serve', '--checkpoint', trained.run, '--host', '0.0.0.0', '--port', port]);
    expect(taken.status).toBe(2);
    expect(taken.stderr).toContain(`recap: 0.0.0.0 port ${port}: another program listens there.`);
    // In the midst of photos, of which those that came first are answered at least.
    const uploads = trained.photos.map((photo) => upload(open.url, readFileSync(photo)));
    await Promise.any(uploads);
    open.process.kill('SIGTERM');
    for (const each of await Promise.allSettled(uploads)) {
      if (each.status === 'fulfilled') expect([200, 503]).toContain(each.value.status);
    }
    expect(await open.process.ended).toMatchObject({ status: 0 });
    expect(serving.process.stderr).not.toContain('warning');
  });

  it('refuses options that make no sense', () => {
    for (const [words, message] of [
      [[], 'serve needs --checkpoint: a checkpoint file, or the folder of a run.'],
      [['--port', '70000'], '--port: found 70000, expected a whole number from 0 to 65535.'],
      [['--queue', '0'], '--queue: found 0, expected a whole number from 1 on.'],
    ] as const) {
      expect(recap(['serve', ...words])).toMatchObject({ status: 2, stderr: expect.stringContaining(message) });
    }
  });
});

describe('a server that is busy', () => {
  let captioner: PhotoCaptioner;
  beforeAll(async () => {
    const checkpoint = checkpointOfRun(trained.run, () => {});
    captioner = await PhotoCaptioner.open(checkpoint, captioningConfig(checkpoint, []), { atOnce: 2 });
  });
  afterAll(() => captioner.close());

  /** Captions nothing before it is let. */
  function held(): { captioner: CaptionsPhotos; begun: Promise<void>; release: () => void } {
    let release!: () => void;
    let begin!: () => void;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    return {
      release,
      begun,
      captioner: {
        async *captions(photos) {
          begin();
          await released;
          yield* captioner.captions(photos);
        },
      },
    };
  }

  const quiet = { host: '127.0.0.1', port: 0, queue: 2, rate: 1000, atOnce: 2, title: '' } as const;
  async function listening(captions: CaptionsPhotos, options: Partial<ServerOptions> = {}) {
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    return { server: await PhotoServer.listen(captions, { ...quiet, onError, ...options }), errors };
  }

  async function queueLength({ url }: PhotoServer): Promise<string> {
    return /queue_length (\d+)/.exec(await (await fetch(`${url}metrics`)).text())![1]!;
  }

  it('answers 429 when its queue is full, and 503 while it ends with what is here', async () => {
    const hold = held();
    const { server, errors } = await listening(hold.captioner);
    const photo = readFileSync(trained.photos[0]!);
    const first = upload(server.url, photo);
    await hold.begun;
    const second = upload(server.url, photo);
    await expect.poll(() => queueLength(server), patience).toBe('2');
    const third = await upload(server.url, photo);
    expect(third).toMatchObject({ status: 429, json: { error: '2 photos are waiting already. Try again.' } });
    expect(third.headers.get('retry-after')).toBe('1');
    const stopped = server.stop();
    expect(await upload(server.url, photo)).toMatchObject({ status: 503, json: { error: 'The server is stopping.' } });
    expect((await fetch(`${server.url}healthz`)).status).toBe(503);
    hold.release();
    const answers = await Promise.all([first, second]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[0]!.json).toEqual(answers[1]!.json);
    await stopped;
    await expect(fetch(server.url)).rejects.toThrow();
    expect(errors).toEqual([]);
  });

  it('frees the place of a client that is gone, before its photo is here or afterwards', async () => {
    const hold = held();
    const { server, errors } = await listening(hold.captioner, { queue: 1 });
    const photo = readFileSync(trained.photos[0]!);
    const headers = { 'Content-Type': 'image/png', 'Content-Length': photo.length };
    const start = () => request(`${server.url}caption`, { method: 'POST', headers }).on('error', () => {});
    const unfinished = start();
    unfinished.write(photo.subarray(0, 100));
    await expect.poll(() => queueLength(server), patience).toBe('1');
    unfinished.destroy();
    await expect.poll(() => queueLength(server), patience).toBe('0');
    const impatient = start();
    impatient.end(photo);
    await hold.begun;
    impatient.destroy();
    await expect.poll(() => queueLength(server), patience).toBe('0');
    // What it left under way is waited for, so that nothing is closed beneath it.
    let isStopped = false;
    const stopped = server.stop().then(() => {
      isStopped = true;
    });
    await expect.poll(async () => (await fetch(`${server.url}healthz`)).status, patience).toBe(503);
    expect(isStopped).toBe(false);
    hold.release();
    await stopped;
    expect(errors).toEqual([]);
  });

  it('answers 429 to a client that asks too often', async () => {
    const { server } = await listening(captioner, { rate: 2 });
    const photo = readFileSync(trained.photos[0]!);
    expect((await upload(server.url, photo)).status).toBe(200);
    expect((await upload(server.url, photo)).status).toBe(200);
    const { status, headers, json } = await upload(server.url, photo);
    expect([status, json.error]).toEqual([429, 'More than 2 photos in a minute. Wait a little.']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    await server.stop();
  });

  it('answers 500 and goes on where captioning fails', async () => {
    let calls = 0;
    const { server, errors } = await listening({
      async *captions(photos) {
        if (calls++ === 0) throw new Error('the workers are gone');
        yield* captioner.captions(photos);
      },
    });
    const photo = readFileSync(trained.photos[0]!);
    const failed = await upload(server.url, photo);
    expect(failed).toMatchObject({ status: 500, json: { error: 'The photo could not be captioned.' } });
    expect(errors).toEqual([new Error('the workers are gone')]);
    expect((await upload(server.url, photo)).status).toBe(200);
    await server.stop();
  });
});
