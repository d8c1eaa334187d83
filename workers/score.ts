/** The entry file of a thread that scores: Piscina calls these by their names; see src/evaluation/scoring-threads.ts. */
export { matchCaptions } from '../src/evaluation/match-captions.js';
export { resampledSums } from '../src/evaluation/resampling.js';
export { tokeniseCaptions } from '../src/evaluation/tokenise-captions.js';
