/** The entry file of a process that measures one supplier of matrix products and answers its parent. */
import { type MeasurementJob, measure } from '../src/engine/cpu/suppliers/measure.js';
import { captioner } from '../src/model/captioner.js';
import { lstm } from '../src/model/cells/lstm.js';

const typical = captioner(
  lstm,
  { wordDim: 256, hiddenDim: 512 },
  { inputs: { features: 512 }, vocabSize: 1024, steps: 10 },
);

process.once('message', (job: MeasurementJob) => {
  let answer: object;
  try {
    answer = { measurement: measure(job, typical) };
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    // With more memory another time, it may go well.
    const isPassing = error instanceof RangeError || /memory/i.test(reason!);
    answer = isPassing ? { reason, passing: true } : { reason };
  }
  process.send!(answer, undefined, {}, () => process.exit(0));
});
