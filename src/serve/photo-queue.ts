/** Photos that wait for the one captioner, which takes several at once. */
import { UserError } from '../errors.js';
import type { Photo } from '../features/photo-files.js';
import type { PhotoCaption, PhotoCaptioner } from '../training/loop/caption-photos.js';

export type CaptionsPhotos = Pick<PhotoCaptioner, 'captions'>;

interface Waiting {
  readonly photo: Photo;
  /** Whether somebody still waits for its captions. */
  readonly isWanted: () => boolean;
  readonly resolve: (caption: PhotoCaption | null) => void;
  readonly reject: (error: unknown) => void;
}

export class PhotoQueue {
  private readonly waiting: Waiting[] = [];
  private isWorking = false;
  private work = Promise.resolve();

  /** @param atOnce most photos that are captioned together */
  constructor(
    private readonly captioner: CaptionsPhotos,
    private readonly atOnce: number,
  ) {}

  /**
   * @param isWanted asked when its turn comes
   * @returns null where it was not wanted any more
   */
  caption(photo: Photo, isWanted: () => boolean): Promise<PhotoCaption | null> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ photo, isWanted, resolve, reject });
      if (!this.isWorking) this.work = this.captionAll();
    });
  }

  /** Until nothing is under way, wanted or not. */
  async idle(): Promise<void> {
    await this.work;
  }

  private async captionAll(): Promise<void> {
    this.isWorking = true;
    while (this.waiting.length > 0) {
      const some: Waiting[] = [];
      for (const each of this.waiting.splice(0, this.atOnce)) {
        if (each.isWanted()) some.push(each);
        else each.resolve(null);
      }
      await this.captionTogether(some);
    }
    this.isWorking = false;
  }

  private async captionTogether(some: readonly Waiting[]): Promise<void> {
    try {
      let i = 0;
      for await (const caption of this.captioner.captions(some.map(({ photo }) => photo))) some[i++]!.resolve(caption);
    } catch (error) {
      // One photo that the network makes no numbers of is not to take the others along.
      if (some.length > 1) for (const each of some) await this.captionTogether([each]);
      else if (error instanceof UserError) some[0]!.resolve({ photo: some[0]!.photo.name, error: error.message });
      else some[0]!.reject(error);
    }
  }
}
