/** `recap evaluate --checkpoint`: writes captions by checkpoints and scores them. */
import { UserError } from '../errors.js';
import { readReferences } from '../evaluation/caption-files.js';
import type { ScoreOptions } from '../evaluation/score-captions.js';
import type { Screen } from '../report/screen.js';
import { engineLines } from '../report/trainer-lines.js';
import { captioningConfig } from '../training/loop/captioning-config.js';
import { scoreImages } from '../training/loop/score-images.js';
import { captioningProgress, checkpointLines, checkpointsNamed } from './checkpoints-named.js';
import { defaultSplit, searchWanted } from './decoding-options.js';
import type { EvaluateArguments, Evaluation } from './evaluate.js';

export async function evaluateCheckpoints(
  words: EvaluateArguments,
  options: ScoreOptions,
  screen: Screen,
): Promise<Evaluation> {
  const paths = [...(words.run === undefined ? [] : [words.run]), ...words.checkpoint];
  if (paths.length === 0) {
    throw new UserError(
      'evaluate needs --run FOLDER or --checkpoint FILE, or captions made elsewhere by --candidates.',
    );
  }
  const members = checkpointsNamed({ ...words, checkpoint: paths }, screen);
  const [leading] = members.flat();
  const decoding = searchWanted(words);
  const split = words.split ?? defaultSplit;
  const { scores, captions, engine, references, note } = await scoreImages(
    members,
    captioningConfig(leading!, words.set),
    {
      split,
      decoding,
      onFault: (fault) => screen.warning(fault),
      ...captioningProgress(screen),
      scoring: () => screen.wait({ what: 'scoring the captions' }),
      ...(words.refs === undefined ? {} : { references: readReferences(words.refs) }),
      ...options,
    },
  );
  screen.endLive();
  for (const line of [...checkpointLines(members), ...engineLines(engine)]) screen.note(line);
  if (note !== null) screen.note(`note: ${note}.`);
  const decodedOf = new Map(captions.map(({ image, decoded }) => [String(image), decoded]));
  const checkpoints = members.map((some) => some.map(({ path, state }) => ({ path, step: state.step })));
  return {
    scores,
    about: { checkpoints, split, decoding, referencesFrom: references },
    perImage: scores.perImage.map((image) => ({ ...image, captions: decodedOf.get(String(image.image)) })),
  };
}
