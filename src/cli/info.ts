/** `recap info`: what this machine offers, and why an engine is not available. */
import { cpus } from 'node:os';
import type { CommandModule } from 'yargs';
import { type EngineListing, listEngines } from '../engine/select.js';
import { usableMemory, usableThreads } from '../files/container-limits.js';
import { Screen } from '../report/screen.js';
import { version } from '../version.js';

export const infoCommand: CommandModule = {
  builder: (yargs) => yargs.example('$0 info', 'which engines work here, and why the others do not'),
  handler: async () => {
    const engines = await listEngines();
    const screen = new Screen();
    for (const line of [...machineLines(), ...engineLines(engines)]) screen.print(line);
  },
};

function machineLines(): string[] {
  return [
    `recap     ${version}`,
    `node      ${process.versions.node} (V8 ${process.versions.v8}), ${process.platform} ${process.arch}`,
    `processor ${cpus()[0]?.model.trim() || 'unknown'}`,
    `threads   ${usableThreads()}`,
    `memory    ${(usableMemory() / 2 ** 30).toFixed(1)} GiB`,
    '',
  ];
}

function engineLines(engines: readonly EngineListing[]): string[] {
  const rows = engines.map(({ engine, variant, available, detail, reason }) => [
    engine,
    variant,
    available ? 'yes' : 'no',
    available ? detail : `${reason ?? 'no reason known'}`,
  ]);
  const table = [['engine', 'variant', 'here', 'what it is, or why it is not available'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
