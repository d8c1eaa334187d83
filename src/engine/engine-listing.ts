/** An engine and one of its variants on this machine, as `recap info` prints it. */
export interface EngineListing {
  readonly engine: string;
  readonly variant: string;
  readonly available: boolean;
  readonly detail: string;
  /** Why it is not available. */
  readonly reason: string | null;
}
