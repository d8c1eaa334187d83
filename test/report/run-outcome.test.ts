import { describe, expect, it } from 'vitest';
import { outcomeLines } from '../../src/report/run-outcome.js';
import { shellWord } from '../../src/shell-word.js';
import type { TrainOutcome } from '../../src/training/run/train-outcome.js';

const done: TrainOutcome = {
  dir: 'RUN',
  step: 320,
  lastStep: 320,
  stopped: false,
  loss: 40.5,
  saved: true,
  best: { step: 280, metric: 'loss', value: 46.2 },
  bestSaved: true,
  checkpoints: { newest: 'RUN/checkpoints/step-320.safetensors', best: 'RUN/checkpoints/best.safetensors' },
  onDisk: { newest: 320, best: 280 },
  alreadyComplete: false,
  stoppedEarly: false,
  elapsedSeconds: 24,
};

describe('the last lines of a run', () => {
  it('name the best validation, and the run as what to caption with', () => {
    expect(outcomeLines(done)).toEqual({
      warnings: [],
      lines: [
        'Done: 320 steps in 24 s; best validation loss 46.2000 after step 280. Caption images with',
        '  npx recap caption --checkpoint RUN',
      ],
    });
    expect(outcomeLines({ ...done, best: null, onDisk: { newest: 320, best: null } }).lines[0]).toBe(
      'Done: 320 steps in 24 s. Caption images with',
    );
  });

  it('say how a run that is complete is trained longer', () => {
    const [complete] = outcomeLines({ ...done, alreadyComplete: true }).lines;
    expect(complete).toBe('The run in RUN is complete: all 320 steps are done. Train longer with');
  });

  it('are commands that a shell takes as they are printed', () => {
    const { lines } = outcomeLines({ ...done, dir: "my runs/it's $HOME" });
    expect(lines[1]).toBe("  npx recap caption --checkpoint 'my runs/it'\\''s $HOME'");
  });

  it('are commands for the shells of Windows there', () => {
    expect(shellWord('runs\\mine', 'win32')).toBe('runs\\mine');
    expect(shellWord('C:\\my runs', 'win32')).toBe('"C:\\my runs"');
  });

  it('name what is really there when the last checkpoint could not be written', () => {
    expect(outcomeLines({ ...done, saved: false, onDisk: { newest: 300, best: 280 } })).toEqual({
      warnings: ['The newest checkpoint could not be written; what RUN holds is older.'],
      lines: [
        'Done: 320 steps in 24 s; best validation loss 46.2000 after step 280; the newest checkpoint there is that of ' +
          'step 300. Caption images with',
        '  npx recap caption --checkpoint RUN',
      ],
    });
  });

  it('name no command where there is nothing to caption with', () => {
    expect(outcomeLines({ ...done, saved: false, bestSaved: false, onDisk: { newest: null, best: null } })).toEqual({
      warnings: [
        'The newest checkpoint could not be written; no checkpoint is in RUN.',
        'The checkpoint of the best validation loss 46.2000 after step 280 could not be written.',
      ],
      lines: ['Done: 320 steps in 24 s; best validation loss 46.2000 after step 280.'],
    });
  });
});
