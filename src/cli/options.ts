/** Options that several commands share, so that they are spelt and explained alike. */
export const configOption = {
  type: 'string',
  requiresArg: true,
  describe: 'Config file (YAML)',
} as const;

export const quietOption = {
  type: 'boolean',
  default: false,
  describe: 'Print warnings and the result alone',
} as const;

export const jsonOption = {
  type: 'boolean',
  default: false,
  describe: 'Print one JSON object a line',
} as const;

export const setOption = {
  type: 'string',
  array: true,
  requiresArg: true,
  default: [] as string[],
  defaultDescription: 'none',
  describe: 'Override a config key, KEY=VALUE with the value in YAML; may be repeated',
} as const;
