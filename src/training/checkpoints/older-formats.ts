/** The state of a checkpoint as it stands in the file: older formats of it are said in the words of the present one. */
import { NewerVersionError, UserError } from '../../errors.js';
import { version } from '../../version.js';
import { formatVersion, metadataKeys } from './checkpoint-format.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The state in a checkpoint's metadata, in this format but otherwise unchecked.
 *
 * @throws UserError naming the file and its fault
 */
export function stateInThisFormat(path: string, metadata: Readonly<Record<string, string>>): Fields {
  const text = Object.hasOwn(metadata, metadataKeys.state) ? metadata[metadataKeys.state] : undefined;
  if (text === undefined) throw new UserError(`${path} is not a checkpoint of recap: it has no training state.`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UserError(`${path} is damaged: its training state is not JSON.`);
  }
  return inThisFormat(path, json);
}

/** What format 1 said, in the words of this format; anything else that is no older format is refused. */
function inThisFormat(path: string, json: unknown): Fields {
  const state = (typeof json === 'object' && json !== null ? json : {}) as Fields;
  const found = state.formatVersion;
  if (found === formatVersion) return withBestValidation(state);
  if (found === 1) return fromFormat1(state);
  if (typeof found === 'number' && Number.isInteger(found) && found > formatVersion) {
    const writer = typeof state.recapVersion === 'string' ? `recap ${state.recapVersion}` : 'a newer version of recap';
    throw new NewerVersionError(
      `${path} was written by ${writer} in checkpoint format ${found}; this is recap ${version}, which reads formats 1 ` +
        `to ${formatVersion}. Use the version that wrote it, or a newer one.`,
    );
  }
  throw new UserError(
    `${path} has checkpoint format ${JSON.stringify(found)}, this version of recap reads formats 1 to ${formatVersion}.`,
  );
}

/** Before validations could be scored, the best one was known by its loss alone. */
function withBestValidation({ bestValidationLoss, ...state }: Fields): Fields {
  return bestValidationLoss === undefined ? state : { ...state, bestValidation: bestValidationLoss };
}

/** Format 1 was written by recap 0.1.0, which had one captioner, Adam and no arithmetic version. */
function fromFormat1(state: Fields): Fields {
  const { bestValidationLoss, ...others } = state;
  const { step, validationLoss, model } = others;
  const isBest = validationLoss !== null && validationLoss === bestValidationLoss;
  const { cell, wordDim, hiddenDim, featureDim, vocabSize, steps } = (model ?? {}) as Fields;
  return {
    ...others,
    bestValidation: bestValidationLoss,
    formatVersion,
    model: {
      family: 'captioner',
      options: { cell, layers: 1, residual: false, wordDim, hiddenDim },
      dimensions: { inputs: { features: featureDim }, vocabSize, steps },
    },
    rule: 'adam',
    recapVersion: '0.1.0',
    arithmeticVersion: 1,
    bestStep: isBest ? step : null,
    epochSums: null,
    plateaus: { best: null, waited: 0, count: 0 },
    earlyStopping: { best: null, waited: 0 },
  };
}
