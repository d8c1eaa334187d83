/** The page of `recap export --web`: the browser itself writes the captions. */
import { CaptioningPage } from '../../report/browser/captioning-page.js';
import { BrowserCaptioner } from './captioner.js';

const opened = BrowserCaptioner.open();
const beam = document.getElementById('beam') as HTMLSelectElement;
/** One photo at a time: onnxruntime runs nothing side by side. */
let last: Promise<unknown> = opened;

const page = new CaptioningPage(async (photo, signal) => {
  const before = last;
  const answer = (async () => {
    await before.catch(() => {});
    const captioner = await opened;
    // Another photo has come meanwhile.
    signal.throwIfAborted();
    return await captioner.captions(photo, Number(beam.value));
  })();
  last = answer;
  return await answer;
});
beam.addEventListener('change', () => page.again());

page.notice('Loading the captioner …');
opened.then(
  () => page.notice('Ready.'),
  (error: Error) => page.notice(error.message, true),
);
