/** Principal components in a safetensors file: `mean` (D) and `directions` (K, D), float32. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { UserError } from '../errors.js';
import { writeFileAtomically } from '../files/atomic-file.js';
import { encodeHeader, readSafetensors } from '../files/safetensors.js';
import type { ComponentsDescription } from './description.js';
import type { Components } from './pca.js';

/** @returns the components as they are read again, and what describes the file */
export function writeComponents(path: string, components: Components): [Components, ComponentsDescription] {
  const { count } = components;
  const mean = Float32Array.from(components.mean);
  const directions = Float32Array.from(components.directions);
  const header = encodeHeader({}, [
    { name: 'mean', dtype: 'F32', shape: [mean.length], bytes: mean.byteLength },
    { name: 'directions', dtype: 'F32', shape: [count, mean.length], bytes: directions.byteLength },
  ]);
  const bytes = Buffer.concat([header, Buffer.from(mean.buffer), Buffer.from(directions.buffer)]);
  writeFileAtomically(path, bytes);
  return [
    { mean, directions, count },
    { path, sha256: sha256Of(mean, directions), columns: count },
  ];
}

/** @throws UserError when the file is missing, damaged, or another one than is described */
export function readComponents({ path, sha256, columns }: ComponentsDescription): Components {
  if (!existsSync(path)) {
    throw new UserError(
      `${path}, the principal components of the features, is not there. Put it back, or name it by --pca.`,
    );
  }
  const { tensors } = readSafetensors(path);
  const [mean, directions] = ['mean', 'directions'].map((name) => tensors.get(name)?.data);
  if (!(mean instanceof Float32Array && directions instanceof Float32Array) || sha256Of(mean, directions) !== sha256) {
    throw new UserError(
      `${path} does not hold the principal components that made the features. Name their file by --pca.`,
    );
  }
  return { mean, directions, count: columns };
}

function sha256Of(mean: Float32Array, directions: Float32Array): string {
  return createHash('sha256').update(mean).update(directions).digest('hex');
}
