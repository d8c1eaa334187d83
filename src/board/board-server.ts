/** The board over HTTP: its page, what is new as server-sent events, curves of a stretch, and pictures of samples. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
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
import { EventStream } from './event-stream.js';
import { boardPage, type ServedPage } from './page.js';
import { RunCatalog } from './run-catalog.js';
import { readPicture } from './run-files.js';

export interface BoardOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Of runs, or that hold runs. */
  readonly folders: readonly string[];
  /** Told of what is nobody's mistake but the program's. */
  readonly onError: (error: unknown) => void;
}

/** Requests of one client in a minute: a picture each of a page of samples, and every turn of a zoom. */
const rate = 1200;
/** Pages that are live at a time. */
const mostStreams = 32;
/** Runs over one another. */
export const mostTogether = 8;
/** Points of a curve. */
const points = 1500;

export class BoardServer {
  /** Of the page. */
  url = '';
  private readonly catalog: RunCatalog;
  private readonly page: ServedPage = boardPage();
  private readonly rate = new RequestRate(rate);
  private streams = 0;

  private constructor(
    private readonly options: BoardOptions,
    private readonly server: Server,
  ) {
    this.catalog = new RunCatalog(options.folders);
  }

  /** @throws UserError when the address cannot be listened at */
  static async listen(options: BoardOptions): Promise<BoardServer> {
    const http = createServer({ requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 16 << 10 });
    const server = new BoardServer(options, http);
    http.on('request', (request, response) => void server.answer(request, response));
    server.url = await listen(http, options.host, options.port);
    return server;
  }

  async stop(): Promise<void> {
    await stopListening(this.server);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    beginAnswer(request, response);
    try {
      refuseForeign(request, this.options.host);
      const url = wantedBy(request);
      if (!['/', '/events', '/rows', '/picture'].includes(url.pathname)) {
        throw new Refusal(404, 'There is no such page.');
      }
      refuseMethod(request, url.pathname, 'GET, HEAD');
      this.refuseHaste(request);
      await this.answerPath(url, request, response);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'The board could not answer.');
      if (refusal !== error) this.options.onError(error);
      if (response.headersSent) response.destroy();
      else sendRefusal(response, refusal);
    }
  }

  private async answerPath(
    { pathname, searchParams }: URL,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (pathname === '/') {
      response.setHeader('Content-Security-Policy', this.page.policy);
      send(response, 200, 'text/html; charset=utf-8', this.page.html);
    } else if (pathname === '/events') {
      this.stream(searchParams.getAll('run').slice(0, mostTogether), request, response);
    } else if (pathname === '/rows') {
      const run = await this.catalog.watch(this.runNamed(searchParams.get('run')));
      const axis = searchParams.get('axis') === 'time' ? 'time' : 'step';
      const [from, to] = [Number(searchParams.get('from')), Number(searchParams.get('to'))];
      if (!(from <= to)) throw new Refusal(400, 'Give two numbers, from and to.');
      sendJson(response, 200, run.within(axis, from, to, points));
    } else {
      const { dir } = this.runNamed(searchParams.get('run'));
      const picture = readPicture(dir, searchParams.get('path') ?? '');
      if (picture === null) throw new Refusal(404, 'There is no such picture.');
      send(response, 200, picture.type, picture.bytes);
    }
  }

  private stream(wanted: readonly string[], request: IncomingMessage, response: ServerResponse): void {
    if (this.streams >= mostStreams) {
      throw new Refusal(503, `${mostStreams} pages are live already. Close one.`, { 'Retry-After': '5' });
    }
    if (request.method === 'HEAD') {
      send(response, 200, 'text/event-stream', '');
      return;
    }
    const letGo = this.catalog.hold(wanted);
    if (letGo === null) throw new Refusal(503, 'Other pages show too many other runs. Close one.');
    this.streams++;
    const stream = new EventStream(this.catalog, wanted, points, response, this.options.onError);
    response.once('close', () => {
      this.streams--;
      letGo();
      stream.stop();
    });
    stream.start();
  }

  private runNamed(name: string | null) {
    const found = this.catalog.find(name ?? '');
    if (found === undefined) throw new Refusal(404, 'There is no such run.');
    return found;
  }

  private refuseHaste(request: IncomingMessage): void {
    const seconds = this.rate.take(request.socket.remoteAddress ?? '', performance.now() / 1000);
    if (seconds > 0) {
      throw new Refusal(429, 'Too many requests in a minute. Wait a little.', {
        'Retry-After': String(Math.ceil(seconds)),
      });
    }
  }
}
