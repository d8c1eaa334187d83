/** Photos over HTTP: one page, one endpoint that answers in JSON, and what those who watch over it ask. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pictureOf } from '../features/decoding.js';
import {
  beginAnswer,
  Refusal,
  refuseForeign,
  refuseMethod,
  send,
  sendJson,
  sendRefusal,
  wantedBy,
} from '../http/answers.js';
import { listen, stopListening } from '../http/listen.js';
import { RequestRate } from '../http/request-rate.js';
import { squareSide } from '../report/attention-page.js';
import { jpegAddress } from '../report/html.js';
import type { CaptionLooks } from '../training/loop/caption-photos.js';
import { ServerMetrics } from './metrics.js';
import { photoPage, type ServedPage } from './page.js';
import { type CaptionsPhotos, PhotoQueue } from './photo-queue.js';
import { readBody } from './request-body.js';

export interface ServerOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Most photos that are uploaded, waiting or under way at a time. */
  readonly queue: number;
  /** Photos of one client in a minute. */
  readonly rate: number;
  /** Most that the captioner is given together. */
  readonly atOnce: number;
  /** What captions the photos, for the page. */
  readonly title: string;
  /** Told of what is nobody's mistake but the program's. */
  readonly onError: (error: unknown) => void;
}

/** Bytes of a photo. */
export const largestPhoto = 32 << 20;
/** Milliseconds in which a request has to be here whole. */
const requestTimeout = 60_000;

export class PhotoServer {
  /** Of the page. */
  url = '';
  private readonly queue: PhotoQueue;
  private readonly rate: RequestRate;
  private readonly metrics = new ServerMetrics();
  private readonly page: ServedPage;
  /** Requests with a photo that are not answered yet. */
  private admitted = 0;
  private isStopping = false;
  private whenIdle: (() => void) | undefined;

  private constructor(
    captioner: CaptionsPhotos,
    private readonly options: ServerOptions,
    private readonly server: Server,
  ) {
    this.queue = new PhotoQueue(captioner, options.atOnce);
    this.rate = new RequestRate(options.rate);
    this.page = photoPage(options.title, largestPhoto);
  }

  /** @throws UserError when the address cannot be listened at */
  static async listen(captioner: CaptionsPhotos, options: ServerOptions): Promise<PhotoServer> {
    const http = createServer({ requestTimeout, headersTimeout: 10_000, maxHeaderSize: 16 << 10 });
    const server = new PhotoServer(captioner, options, http);
    http.on('request', (request, response) => void server.answer(request, response));
    server.url = await listen(http, options.host, options.port);
    return server;
  }

  /** Refuses what comes from now on, and ends when all photos that are here have their answers. */
  async stop(): Promise<void> {
    this.isStopping = true;
    if (this.admitted > 0) {
      await new Promise<void>((resolve) => {
        this.whenIdle = resolve;
      });
    }
    await this.queue.idle();
    await stopListening(this.server);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = wantedBy(request);
    beginAnswer(request, response);
    const isPhoto = pathname === '/caption' && request.method === 'POST';
    try {
      refuseForeign(request, this.options.host);
      if (isPhoto) sendJson(response, 200, await this.caption(request, response, searchParams.has('attention')));
      else this.answerOther(request, response, pathname);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'The photo could not be captioned.');
      if (refusal !== error && request.errored === null) this.options.onError(error);
      sendRefusal(response, refusal);
    } finally {
      if (isPhoto && !response.destroyed) this.metrics.answered(response.statusCode);
    }
  }

  private answerOther(request: IncomingMessage, response: ServerResponse, pathname: string): void {
    if (!['/', '/healthz', '/metrics', '/caption'].includes(pathname)) throw new Refusal(404, 'There is no such page.');
    refuseMethod(request, pathname, pathname === '/caption' ? 'POST' : 'GET, HEAD');
    if (pathname === '/healthz') {
      if (this.isStopping) throw stopping();
      sendJson(response, 200, { status: 'ok' });
    } else if (pathname === '/metrics') {
      const text = this.metrics.text(this.admitted, process.memoryUsage.rss());
      send(response, 200, 'text/plain; version=0.0.4', text);
    } else {
      response.setHeader('Content-Security-Policy', this.page.policy);
      send(response, 200, 'text/html; charset=utf-8', this.page.html);
    }
  }

  private async caption(request: IncomingMessage, response: ServerResponse, wantsAttention: boolean): Promise<unknown> {
    const bytes = await this.upload(request, response);
    const start = performance.now();
    const photo = { name: 'photo', read: () => bytes };
    const found = await this.queue.caption(photo, () => !response.destroyed);
    if (found === null) return null;
    this.metrics.took((performance.now() - start) / 1000);
    if ('error' in found) throw new Refusal(422, found.error);
    const captions = found.decoded.map(({ text, logProbability }) => ({ caption: text, logProbability }));
    return wantsAttention && found.looks ? { captions, attention: await attentionOf(found.looks) } : { captions };
  }

  /** Takes a place in the queue, before the photo is read: what is here in memory is bounded. */
  private async upload(request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
    if (this.isStopping) throw stopping();
    if (!/^image\//i.test(request.headers['content-type'] ?? '') || request.headers['content-encoding'] !== undefined) {
      throw new Refusal(415, 'Send the bytes of one photo, with Content-Type image/jpeg or the like.');
    }
    const seconds = this.rate.take(request.socket.remoteAddress ?? '', performance.now() / 1000);
    if (seconds > 0) {
      const headers = { 'Retry-After': String(Math.ceil(seconds)) };
      throw new Refusal(429, `More than ${this.options.rate} photos in a minute. Wait a little.`, headers);
    }
    if (this.admitted >= this.options.queue) {
      throw new Refusal(429, `${this.options.queue} photos are waiting already. Try again.`, { 'Retry-After': '1' });
    }
    this.admitted++;
    response.once('close', () => {
      this.admitted--;
      if (this.admitted === 0) this.whenIdle?.();
    });
    const bytes = await readBody(request, largestPhoto);
    if (bytes === null) throw new Refusal(413, `More than ${largestPhoto >> 20} MB, which is the most that is read.`);
    return bytes;
  }
}

function stopping(): Refusal {
  return new Refusal(503, 'The server is stopping.', { Connection: 'close' });
}

/** What the page draws. */
async function attentionOf({ pixels, size, words, weights }: CaptionLooks) {
  const side = squareSide(weights);
  if (side === null) return undefined;
  const looks = words.map((word, t) => ({ word, weights: Array.from(weights[t]!) }));
  return { picture: jpegAddress(await pictureOf(pixels, size)), side, words: looks };
}
