/** The page of `recap serve`: the server that it comes from writes the captions. */
import { type Answer, CaptioningPage } from '../../report/browser/captioning-page.js';

new CaptioningPage(async (photo, signal) => {
  // What it is the server tells by its bytes; a browser goes by its name.
  const type = photo.type.startsWith('image/') ? photo.type : 'image/unknown';
  const sent = { method: 'POST', headers: { 'Content-Type': type }, body: photo, signal };
  const response = await fetch('/caption?attention', sent).catch(() => {
    throw new Error('The server does not answer.');
  });
  const answer = (await response.json()) as Answer & { readonly error: string };
  if (!response.ok) throw new Error(answer.error);
  return answer;
});
