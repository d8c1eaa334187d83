import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../src/config/load.js';

const folder = fileURLToPath(new URL('../../config/', import.meta.url));

describe('the configs that come with the package', () => {
  it.each(readdirSync(folder))('%s is a valid config', (file) => {
    const config = resolveConfig(folder + file);
    expect(config.model.cell).toBe(file.includes('rnn') ? 'rnn' : 'lstm');
  });

  it('run on other data when data.dir is overridden', () => {
    const { data } = resolveConfig(`${folder}shapes.yaml`, ['data.dir=elsewhere']);
    expect(data).toMatchObject({ dir: 'elsewhere', builtin: null });
  });
});
