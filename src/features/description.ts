/** What makes the features of images, as it is kept beside them and in checkpoints, so that new photos get the same. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { preprocessingSchema } from './preprocessing.js';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** Principal components that features are projected to: their file, the SHA-256 of their numbers, and their count. */
export const componentsSchema = z.object({ path: z.string(), sha256: digest, columns: z.int().min(1) });

export type ComponentsDescription = Readonly<z.infer<typeof componentsSchema>>;

const common = { pca: componentsSchema.nullable() };

const network = z.object({
  ...common,
  kind: z.literal('onnx'),
  /** Where the file was, and the SHA-256 of what was in it. */
  network: z.object({ path: z.string(), sha256: digest }),
  input: z.string(),
  /** The tensor that gives the features, and the one that gives the grid. */
  pooled: z.string(),
  grid: z.string().nullable(),
  preprocessing: preprocessingSchema,
});

/** The extractor without a network; its version says what it computes. */
const builtIn = z.object({ ...common, kind: z.literal('builtin'), version: z.int().min(1) });

export const extractorSchema = z.discriminatedUnion('kind', [network, builtIn]);

export type ExtractorDescription = Readonly<z.infer<typeof extractorSchema>>;
export type NetworkDescription = Extract<ExtractorDescription, { kind: 'onnx' }>;

/** Whether two give the same features; the network may lie elsewhere. */
export function isSameExtractor(a: ExtractorDescription, b: ExtractorDescription): boolean {
  return isDeepStrictEqual(withoutPlaces(a), withoutPlaces(b));
}

/** What of it features depend on. */
export function withoutPlaces(description: ExtractorDescription): object {
  const pca = description.pca && { ...description.pca, path: null };
  if (description.kind === 'builtin') return { ...description, pca };
  return { ...description, pca, network: { ...description.network, path: null } };
}
