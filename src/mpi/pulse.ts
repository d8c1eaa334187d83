/**
 * Signs of life: process 0 sends one to every other process and they send theirs to it, as long as their event loops run.
 * So a process that was stopped, hangs, or whose machine is gone is noticed whatever the others wait for.
 */
import { cells, Handle, type Requests } from './requests.js';

/** Seconds between two signs at most. */
const longestBeat = 1;

interface Peer {
  readonly rank: number;
  readonly out: Handle;
  readonly into: Handle;
  isSending: boolean;
  /** Own beats since it was last heard of: a job that was stopped and continued as a whole has missed none. */
  silentBeats: number;
}

export class Pulse {
  private readonly peers: readonly Peer[];
  private readonly cell = cells(2);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly requests: Requests,
    private readonly place: { readonly rank: number; readonly size: number; readonly tag: number },
  ) {
    const { rank, size } = place;
    const ranks = rank === 0 ? Array.from({ length: size - 1 }, (_, i) => i + 1) : [0];
    this.peers = ranks.map((peer) => ({
      rank: peer,
      out: new Handle(),
      into: new Handle(),
      isSending: false,
      silentBeats: 0,
    }));
    for (const peer of this.peers) this.listen(peer);
  }

  /** @param onSilence called once a process has given no sign for so long */
  watch(seconds: number, onSilence: (rank: number) => void): void {
    clearInterval(this.timer);
    const beat = Math.min(longestBeat, seconds / 4);
    const most = Math.ceil(seconds / beat);
    for (const peer of this.peers) peer.silentBeats = 0;
    this.timer = setInterval(() => {
      for (const peer of this.peers) {
        this.send(peer);
        peer.silentBeats++;
        while (this.requests.isDone(peer.into)) {
          peer.silentBeats = 0;
          this.listen(peer);
        }
        if (peer.silentBeats > most) onSilence(peer.rank);
      }
    }, beat * 1000);
    this.timer.unref();
  }

  /** Sends and hears nothing more. */
  silence(): void {
    clearInterval(this.timer);
  }

  stop(): void {
    this.silence();
    for (const { into } of this.peers) this.requests.cancel(into);
  }

  private send(peer: Peer): void {
    // A process that does not listen leaves messages waiting; one is enough.
    if (peer.isSending && !this.requests.isDone(peer.out)) return;
    peer.isSending = true;
    const [, at] = this.cell;
    this.requests.send(at, 1, peer.rank, this.place.tag, peer.out.at);
  }

  private listen({ rank, into }: Peer): void {
    const [, at] = this.cell;
    this.requests.receive(at + 4, 1, rank, this.place.tag, into.at);
  }
}
