import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { optionalPackage } from '../../src/features/optional-package.js';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const names = ['onnxruntime-node', 'sharp'] as const;

describe('packages that npm may leave out', () => {
  it('are there', () => {
    expect(Object.keys(manifest.optionalDependencies)).toEqual(names);
    for (const name of names) expect(existsSync(`node_modules/${name}/package.json`), name).toBe(true);
  });

  it('have fetched no CUDA', () => {
    expect(manifest.allowScripts['onnxruntime-node']).toBe(false);
    expect(readFileSync('.npmrc', 'utf8')).toMatch(/^onnxruntime-node-install=skip$/m);
    const files = readdirSync('node_modules/onnxruntime-node/bin', { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => /providers_(cuda|tensorrt)/.test(name))).toEqual([]);
  });

  it('are asked for by the command that installs them, in the version that is tested', async () => {
    for (const name of names) {
      const missing = () => import(`not-${name}`);
      const command = `npm install --no-save ${name}@${manifest.optionalDependencies[name]}`;
      await expect(optionalPackage(name, 'which is needed', missing)).rejects.toThrow(
        `${name}, which is needed, is not installed. Install it by: ${command}`,
      );
    }
    // Too large to be optional, so that it is only for tests and for those who install it.
    const web = manifest.devDependencies['onnxruntime-web'];
    await expect(optionalPackage('onnxruntime-web', 'x', () => import('not-there-either' as string))).rejects.toThrow(
      `npm install --no-save onnxruntime-web@${web}`,
    );
    const unfit = () => Promise.reject(new Error('wrong ELF class\nand more'));
    await expect(optionalPackage('sharp', 'which decodes', unfit)).rejects.toThrow(
      'does not load here (wrong ELF class).',
    );
  });
});
