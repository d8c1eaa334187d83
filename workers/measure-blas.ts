/** The entry file of a process that measures one supplier of matrix products and answers its parent. */
import { type MeasurementJob, measure } from '../src/engine/cpu/measure.js';

process.once('message', (job: MeasurementJob) => {
  let answer: object;
  try {
    answer = { measurement: measure(job) };
  } catch (error) {
    answer = { reason: (error as Error).message.split('\n')[0] };
  }
  process.send!(answer, undefined, {}, () => process.exit(0));
});
