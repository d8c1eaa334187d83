/** The end of a run: captions of images it has not seen, and for the built-in set how many of them are true. */
import { ensureShapes, isTrueCaption, loadShapesScenes } from '../data/shapes/shapes.js';
import { captionLines } from '../report/caption-lines.js';
import type { Screen } from '../report/screen.js';
import type { Trainer } from '../training/loop/trainer.js';
import {
  captionRows,
  firstCaptionOfEachImage,
  sampleCaptions,
  validatedParameters,
} from '../training/loop/validation.js';

/** Captions that are printed. */
const shown = 8;

export async function printFinalCaptions({ coordinator, dataset, config }: Trainer, screen: Screen): Promise<void> {
  const { val, vocabulary } = dataset;
  const parameters = validatedParameters(config);
  screen.endLive();
  screen.print('');
  screen.print('Captions of validation images, which were not trained on:');
  const samples = await sampleCaptions(coordinator, val, vocabulary, shown, parameters);
  for (const line of captionLines(samples)) screen.print(line);
  if (config.data.builtin === 'shapes' && config.data.tokens === 'word') {
    const scenes = loadShapesScenes(await ensureShapes()).val;
    const captions = await captionRows(coordinator, val, vocabulary, firstCaptionOfEachImage(val), parameters);
    const right = captions.filter(({ image, generated }) => isTrueCaption(scenes[image]!.scene, generated)).length;
    screen.print(
      `${right} of ${captions.length} unseen scenes are described truly (${Math.round((100 * right) / captions.length)}%).`,
    );
  }
  screen.print('');
}
