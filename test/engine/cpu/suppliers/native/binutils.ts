/** The assembler and the disassembler of GNU binutils, as the judges of what recap encodes. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Instruction {
  readonly address: number;
  /** "vaddps zmm1{k1},zmm2,zmm3" */
  readonly text: string;
}

/** The instructions in machine code of x86-64, in Intel's syntax. */
export function disassemble(code: Uint8Array): Instruction[] {
  return inFolder((folder) => {
    const file = join(folder, 'code');
    writeFileSync(file, code);
    const options = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--no-show-raw-insn', '-w'];
    const listing = execFileSync('objdump', [...options, file], { encoding: 'utf8', maxBuffer: 2 ** 28 });
    return listing.split('\n').flatMap((line) => {
      const [, address, text] = /^\s*([0-9a-f]+):\s*(.*?)\s*$/.exec(line) ?? [];
      return address === undefined ? [] : [{ address: Number.parseInt(address, 16), text: text!.replace(/\s+/g, ' ') }];
    });
  });
}

/** The machine code of instructions in Intel's syntax, a line each. */
export function assemble(lines: readonly string[]): Uint8Array {
  return inFolder((folder) => {
    const [source, object, binary] = ['source.s', 'object.o', 'binary'].map((name) => join(folder, name)) as [
      ...[string, string, string],
    ];
    writeFileSync(source, `.intel_syntax noprefix\n${lines.join('\n')}\n`);
    execFileSync('as', ['--64', '-o', object, source], { stdio: ['ignore', 'ignore', 'pipe'] });
    execFileSync('objcopy', ['-O', 'binary', '-j', '.text', object, binary]);
    return new Uint8Array(readFileSync(binary));
  });
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'recap-binutils-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
