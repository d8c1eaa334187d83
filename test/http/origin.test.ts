import { expect, it } from 'vitest';
import { foreignness } from '../../src/http/origin.js';

it('takes addresses, localhost and given names for this machine, and their pages alone for its own', () => {
  for (const host of ['127.0.0.1:8231', 'LOCALHOST', '[::1]:8231', '192.168.1.5', 'box.local:80']) {
    expect(foreignness(host, undefined, ['box.local'])).toBeNull();
    expect(foreignness(host, `http://${host.toLowerCase()}`, ['box.local'])).toBeNull();
    for (const origin of ['null', '', `https://${host}`, `http://${host}.example`, 'http://localhost:1']) {
      expect(foreignness(host, origin, ['box.local'])).toBe('The request comes from a page of another origin.');
    }
  }
  for (const host of ['box.example', '127.0.0.1.nip.io', 'localhost.', '[box]', '[::1]x', 'a@localhost', '']) {
    expect(foreignness(host, undefined, ['box.local'])).not.toBeNull();
  }
  expect(foreignness(undefined, undefined, [])).toBe('The request names no host.');
});
