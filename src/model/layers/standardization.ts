/** Features with mean 0 and standard deviation 1 over the training images, by tables that the model keeps. */
import type { Named, Shape } from '../../tensor/matrix.js';
import { type ParameterSpec, parameter } from '../../tensor/model-spec.js';
import type { Ops } from '../../tensor/ops.js';

const mean = 'features_mean';
const scale = 'features_scale';

/** @param columns D */
export function standardizationTables(columns: number): ParameterSpec[] {
  return [
    parameter(mean, [columns], { statistic: 'mean', of: 'features' }, { trained: false }),
    parameter(scale, [columns], { statistic: 'inverseDeviation', of: 'features' }, { trained: false }),
  ];
}

/** (x - mean) · scale, (n,D) → (n,D). Nothing is learnt before the features, so there is no way back. */
export function standardized<T extends Shape>(ops: Ops<T>, parameters: Named<T>, features: T): T {
  const onEachRow = (row: T) => ops.addRow(ops.zeros(features.rows, features.columns), row);
  const centred = ops.add(features, ops.scale(onEachRow(parameters[mean]!), -1));
  return ops.multiply(centred, onEachRow(parameters[scale]!));
}
