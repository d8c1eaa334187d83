/** True and generated captions, one below the other. */
import type { SampleCaption } from '../training/loop/validation.js';
import type { Labelled } from './text.js';

export function captionLines(samples: readonly Pick<SampleCaption, 'image' | 'truth' | 'generated'>[]): Labelled[] {
  return samples.flatMap(({ image, truth, generated }) => {
    const label = `  image ${image}`;
    return [
      { label: `${label}  true       `, text: truth },
      { label: `${' '.repeat(label.length)}  generated  `, text: generated },
    ];
  });
}
