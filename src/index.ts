/** recap as a library; docs/library.md shows its use. */

// Configs.
export { configOf, configToYaml, overriddenConfig, parseConfigText, resolveConfig } from './config/load.js';
export type { Config, PartialConfig } from './config/schema.js';
// Data.
export type { CaptionSplit, DataConfig, Dataset, SplitName } from './data/dataset.js';
export { loadDataset, loadImages } from './data/dataset.js';
export {
  type ExtractionEvents,
  type ExtractionOptions,
  type ExtractionOutcome,
  type ExtractionProgress,
  extractFeatures,
} from './data/extract-features.js';
export type { FeatureTable } from './data/feature-table.js';
export { type CaptionedImages, datasetOf, type MemoryData } from './data/memory-dataset.js';
export type { PreparationReport } from './data/prepare/preparation-report.js';
export { type PrepareOptions, prepare } from './data/prepare/prepare.js';
export { type TokenUnit, unwrittenIds, Vocabulary } from './data/vocabulary.js';
export { latinWords, plainWords } from './data/word-tokens.js';
// Engines.
export type {
  Engine,
  EngineDescription,
  Executable,
  ParameterValues,
  RunRequest,
  RunResult,
} from './engine/engine.js';
export type { EngineWanted } from './engine/engine-wanted.js';
export { type ChosenEngine, chooseEngine, type EngineChoice, listEngines } from './engine/select.js';
export { TrainingError, UserError } from './errors.js';
// Scores.
export { readCandidates, readReferences } from './evaluation/caption-files.js';
export type {
  CandidateCaption,
  CandidateSet,
  ImageId,
  ReferenceImage,
  ReferenceSet,
} from './evaluation/caption-sets.js';
export type { TokenisedReferences } from './evaluation/reference-table.js';
export { captionRewards, type RewardWeights } from './evaluation/reward.js';
export {
  type CaptionScores,
  fromBestToWorst,
  type ImageScores,
  type ScoreOptions,
  type Scores,
  scoreCaptions,
  scoreNames,
} from './evaluation/score-captions.js';
export { type CaptionTokens, type Tokeniser, tokeniser } from './evaluation/tokenise.js';
export {
  type ExportedCaptioner,
  type ExportedPart,
  type ExportOptions,
  exportCaptioner,
} from './export/export-captioner.js';
export { exportPhotoCaptioner, type PhotoExportOptions } from './export/export-photo-captioner.js';
export { exportWebPage, type WebPageFile, type WebPageOptions } from './export/web-page.js';
// Photos.
export {
  describeNetwork,
  type Extractor,
  type ImageRows,
  type MovedFiles,
  type NetworkWanted,
  openBuiltIn,
  openNetwork,
} from './features/extractor.js';
export { readSafetensors } from './files/safetensors.js';
// Models.
export { captioner, captionerFamily, family as captioners } from './model/captioner.js';
export type { CaptionerOptions } from './model/captioner-options.js';
export { builtInCells, type CellName } from './model/cells/built-in.js';
export type { Cell, CellGradients, CellStep, State } from './model/cells/cell.js';
export { differentiate, type ForwardCell } from './model/cells/forward-only.js';
export {
  type DecodedCaption,
  type Decoding,
  type DecodingOptions,
  decodingOf,
  greedy,
} from './model/decoding/decoding.js';
export type { FamilyOptions, ModelFamily, ModelRecipe } from './model/family.js';
export type { Draws } from './tensor/draws.js';
export type { DropoutMask } from './tensor/dropout-mask.js';
export type { Layout, TensorPlace, TensorSpec } from './tensor/layout.js';
export type { Matrix, Named, NumberArray, Precision, Shape } from './tensor/matrix.js';
export {
  type Dimensions,
  type Initial,
  type ModelSpec,
  type ParameterRole,
  type ParameterSpec,
  type Program,
  type ProgramOutputs,
  type ProgramSpec,
  parameter,
  parameterCount,
} from './tensor/model-spec.js';
export type { CellOps, GradientOptions, MatmulOptions, Ops } from './tensor/ops.js';
export type { StepPlan, Tokens } from './tensor/step-plan.js';
export { type Checkpoint, type CheckpointState, readCheckpoint } from './training/checkpoints/checkpoint.js';
// Training.
export { type BenchmarkOptions, type BenchmarkResult, benchmark } from './training/checks/benchmark.js';
export { type GradientCheckOptions, gradientCheck, type ParameterCheck } from './training/checks/gradient-check.js';
export { type OverfitOptions, type OverfitOutcome, overfit } from './training/checks/overfit.js';
export { type Captions, captionImages, captionInputs, type ImageCaption } from './training/loop/caption-images.js';
export type { CaptioningCheckpoints } from './training/loop/caption-models.js';
export {
  type CaptionLooks,
  captionPhotos,
  type PhotoCaption,
  type PhotoOptions,
} from './training/loop/caption-photos.js';
export type { CaptioningOptions, CaptionText } from './training/loop/input-captioner.js';
export { NonFiniteError } from './training/loop/non-finite.js';
export { referencesOf, type SplitReferences } from './training/loop/references.js';
export { type ImageScoring, type ScoringOptions, scoreImages } from './training/loop/score-images.js';
export { createTrainer, type Trainer, type TrainerOptions } from './training/loop/trainer.js';
export { type StepTiming, type TrainingStep, trainingSteps } from './training/loop/training-steps.js';
export {
  type SampleCaption,
  sampleCaptions,
  type Validation,
  type ValidationLoss,
  validationLoss,
  validationScores,
} from './training/loop/validation.js';
export type { HealthKind, HealthNotice } from './training/run/health-rules.js';
export type { RunEvents } from './training/run/run-events.js';
export {
  type GridAxis,
  parseGrid,
  type SweepOptions,
  type SweepResult,
  type SweepRun,
  settingsOf,
  sweep,
  sweepRuns,
} from './training/run/sweep.js';
export { resumeRun, startOrResumeRun, startRun, type TrainOptions } from './training/run/train.js';
export type { BestValidation, TrainOutcome } from './training/run/train-outcome.js';
