/** What memory a model takes that workers share, before any of it is taken. */
import { arenaBytes, precisionOf, reservedBytes } from '../../engine/select.js';
import type { MemoryPlan } from '../../engine/shared-memory.js';
import { layoutOf } from '../../tensor/layout.js';
import type { RunnableSpec } from '../../tensor/model-spec.js';
import { stateOfRule } from '../../tensor/update-rules.js';
import type { Model } from './model.js';
import type { ShareOptions } from './share-options.js';

/** The shared memory of one model; where nothing is trained, that which captioning images takes. */
export function memoryPlan({
  engine,
  model,
  updates,
  batchSize,
  workers,
  shards,
  ownShards = { from: 0, to: shards },
}: Pick<ShareOptions, 'engine' | 'model' | 'updates' | 'batchSize' | 'workers' | 'shards'> &
  Pick<MemoryPlan, 'ownShards'>): MemoryPlan {
  const layout = layoutOf(model.spec.parameters);
  return {
    layout,
    precision: precisionOf(engine),
    ...(updates && {
      states: stateOfRule[updates.rule],
      averages: updates.averages,
      accumulates: updates.accumulates,
    }),
    shards,
    ownShards,
    arenaBytes: arenaBytes(engine, updates ? model.spec : captioning(model), layout, Math.ceil(batchSize / shards)),
    firstByte: reservedBytes(engine),
    journals: workers,
  };
}

/** What of a model images are captioned by. */
function captioning({ spec: { dimensions, programs } }: Model): RunnableSpec {
  return { dimensions, programs: { start: programs.start, step: programs.step } };
}
