/** Small pictures of the images that a run captions at its validations, `images/SPLIT-N.jpg` in its folder. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SplitName } from '../../data/dataset.js';
import { thumbnailOf } from '../../features/decoding.js';
import { photoFile } from '../../features/photo-files.js';
import { removeLeftovers, writeFileAtomically } from '../../files/atomic-file.js';
import { isFolder } from '../../files/make-folder.js';
import { imagesFolder } from './run-files.js';

/** Pixels of the longer side, at most. */
const longest = 320;

export class Thumbnails {
  private readonly folder: string;

  /**
   * Clears the folder of what a killed process of this run left half-written.
   *
   * @param run the run's folder, whose lock is held
   * @param mayWrite whether it is in its place and the run's
   */
  constructor(
    run: string,
    private readonly mayWrite: () => boolean,
  ) {
    this.folder = join(run, imagesFolder);
    try {
      if (isFolder(this.folder)) removeLeftovers(this.folder, (name) => /^\w+-\d+\.jpg$/.test(name));
    } catch {
      // A disk that fails now may be mended by the next time.
    }
  }

  /**
   * Makes the picture of an image, unless it is there already.
   *
   * @param url where the data says that the image is; what is no file of this machine is not fetched
   * @returns its path seen from the run's folder; null where there is none, for whatever reason, since no run depends on it
   */
  async of(split: SplitName, image: number, url: string | null): Promise<string | null> {
    if (!url?.startsWith('file:')) return null;
    const name = `${split}-${image}.jpg`;
    const path = join(this.folder, name);
    try {
      if (!existsSync(path)) {
        const picture = await thumbnailOf(photoFile(fileURLToPath(url)), longest);
        if (!this.mayWrite()) return null;
        if (!existsSync(this.folder)) mkdirSync(this.folder);
        writeFileAtomically(path, picture);
      }
      return `${imagesFolder}/${name}`;
    } catch {
      return null;
    }
  }
}
