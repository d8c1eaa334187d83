/** What the board's page is given, as JSON. */

/** A run in the list of all. */
export interface RunEntry {
  /** By which the page asks for it. */
  readonly name: string;
  /** A process works on it now. */
  readonly isTraining: boolean;
  /** Milliseconds since 1970 of its last line; null before the first. */
  readonly changed: number | null;
}

/** A table of numbers by column; null is a value that is missing or not finite. */
export interface Table {
  readonly length: number;
  readonly values: Readonly<Record<string, readonly (number | null)[]>>;
  /** Where each two rows stand for many: the mean of a column, twice; of the last row its value. */
  readonly means: Readonly<Record<string, readonly (number | null)[]>>;
}

/** Where each word of a caption looked. */
export interface Look {
  /** Cells of a row of the grid. */
  readonly side: number;
  /** Weights (side²), row by row, which sum to 1. */
  readonly words: readonly { readonly word: string; readonly weights: readonly number[] }[];
}

export interface Sample {
  readonly image: string;
  /** Where the image is from, for people; never fetched. */
  readonly source: string | null;
  readonly truth: string | null;
  readonly caption: string;
  readonly logProbability: number | null;
  /** A path within the run's folder. */
  readonly thumbnail: string | null;
  readonly attention: Look | null;
}

export interface SampledCaptions {
  readonly step: number;
  readonly samples: readonly Sample[];
}

/** What went wrong, or may. */
export interface Notice {
  readonly step: number;
  readonly kind: string;
  readonly message: string;
}

export interface EvaluatedImage {
  readonly image: string;
  readonly source: string | null;
  readonly caption: string;
  readonly scores: Readonly<Record<string, number>>;
  /** All captions of the search, the best first. */
  readonly alternatives: readonly { readonly text: string; readonly logProbability: number | null }[];
  readonly references: readonly string[];
}

/** What `recap evaluate --out RUN/evaluation.json` wrote. */
export interface Evaluation {
  readonly split: string | null;
  readonly images: number;
  /** How captions were searched for, in words. */
  readonly search: string | null;
  readonly scores: readonly {
    readonly name: string;
    readonly score: number;
    readonly interval: readonly number[] | null;
  }[];
  readonly best: readonly EvaluatedImage[];
  readonly worst: readonly EvaluatedImage[];
}

/** All of a run that the page shows. */
export interface RunData {
  readonly name: string;
  readonly isTraining: boolean;
  /** The resolved config as YAML; null where there is none that can be read. */
  readonly configText: string | null;
  readonly config: unknown;
  readonly steps: Table;
  readonly validations: Table;
  /** Why there are no numbers; null where they could be read. */
  readonly problem: string | null;
  readonly samples: readonly SampledCaptions[];
  readonly notices: readonly Notice[];
  readonly evaluation: Evaluation | null;
  /** Why an evaluation that is there cannot be shown. */
  readonly evaluationProblem: string | null;
  /** Commands that train it again, evaluate it, and caption with it. */
  readonly commands: Commands;
  /** Addresses of pictures by their path in the run's folder. */
  readonly pictures: Readonly<Record<string, string>>;
}

export interface Commands {
  readonly repeat: string;
  readonly evaluate: string;
  readonly attention: string;
}

/** What comes from the server while a run goes on. */
export interface NewRows {
  readonly name: string;
  readonly steps: Table;
}

/** What an exported file holds, or the page asks the server for where there is none. */
export interface BoardData {
  readonly runs: readonly RunData[];
  /** When the file was written. */
  readonly written: string;
  readonly version: string;
}
