/** recap as a library: what the commands are made of. */
export { configToYaml, overriddenConfig, parseConfigText, resolveConfig } from './config/load.js';
export type { Config } from './config/schema.js';
export type { CaptionSplit, DataConfig, Dataset, FeatureTable, SplitName } from './data/dataset.js';
export { loadDataset, loadFeatures } from './data/dataset.js';
export { Vocabulary } from './data/vocabulary.js';
export type { Engine, EngineDescription, Executable, Ops, Program } from './engine/engine.js';
export { chooseEngine, createEngine, type EngineChoice, listEngines } from './engine/select.js';
export { TrainingError, UserError } from './errors.js';
export { readSafetensors } from './files/safetensors.js';
export { captionerPrograms } from './model/captioner.js';
export {
  type ModelShape,
  type ParameterName,
  parameterCount,
  parameterNames,
  parameterShapes,
} from './model/parameters.js';
export { type BenchmarkResult, benchmark } from './training/benchmark.js';
export { captionImages, type ImageCaption } from './training/caption-images.js';
export { type Checkpoint, type CheckpointState, readCheckpoint } from './training/checkpoint.js';
export { gradientCheck, type ParameterCheck } from './training/gradient-check.js';
export { NonFiniteError } from './training/non-finite.js';
export { type OverfitOutcome, overfit } from './training/overfit.js';
export type { Interruption, RunEvents } from './training/run-events.js';
export { resumeRun, startRun, type TrainOptions, type TrainOutcome } from './training/train.js';
export { createTrainer, type Trainer } from './training/trainer.js';
export { type TrainingStep, trainingSteps } from './training/training-steps.js';
export { sampleCaptions, validationLoss } from './training/validation.js';
