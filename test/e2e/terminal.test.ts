/** What is to be seen of a run in a real terminal, at any width, resized while it runs. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { configToYaml } from '../../src/config/load.js';
import { describeWith } from '../support/requirements.js';
import { type Seen, Terminal } from '../support/terminal.js';
import { smallConfig, temporaryFolder, writeData } from '../training/runs.js';

describeWith({ command: 'tmux' }, 'A run in a terminal', () => {
  let folder: string;
  let data: string;
  let terminal: Terminal;
  beforeAll(async () => {
    folder = temporaryFolder();
    data = await writeData();
  });
  afterEach(() => terminal.close());
  afterAll(() => {
    for (const each of [folder, data]) rmSync(each, { recursive: true, force: true });
  });

  function recap(command: string, name: string, sets: readonly string[] = []): string {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, configToYaml(smallConfig(data, sets)));
    return `node dist/src/cli/main.js ${command} --config ${file}`;
  }
  const train = (name: string, sets: readonly string[]) => `${recap('train', name, sets)} --run ${join(folder, name)}`;

  const hasEnded = ({ rows }: Seen) => rows.some((row) => row.startsWith('status '));
  /** Rows of the live view, and only theirs. */
  const bars = (rows: readonly string[]) => rows.filter((row) => /^(epoch|validation) .*[━─]{5}/.test(row));
  const steps = (rows: readonly string[]) => rows.filter((row) => /^step +[\d,]+\//.test(row));
  const speeds = (rows: readonly string[]) => rows.filter((row) => /^ *[\d,–]+ captions\/s {2,}\S/.test(row));

  it('has one live view, in the columns there are, and leaves nothing of it behind', async () => {
    terminal = new Terminal(train('resized', ['train.epochs=9999', 'validate.everyEpochs=0']), 100);
    await terminal.until(({ rows }) => /^step +[1-9]/.test(steps(rows)[0] ?? ''));
    for (const [columns, below] of [
      [60, 2],
      [40, 3],
      [80, 2],
      [200, 1],
      [100, 2],
    ] as const) {
      terminal.resize(columns);
      const { rows, cursorRow, cursorIsShown } = await terminal.until(({ rows }) => {
        const last = rows.findLastIndex((row) => bars([row]).length > 0);
        return last >= 0 && rows.length - 1 - last === below && rows.slice(last).every((row) => row.length < columns);
      });
      expect([bars(rows), steps(rows), speeds(rows)].map((some) => some.length)).toEqual([
        1,
        1,
        columns === 200 ? 0 : 1,
      ]);
      expect({ cursorRow, cursorIsShown }).toEqual({ cursorRow: rows.indexOf(bars(rows)[0]!), cursorIsShown: false });
    }
    terminal.press('C-c');
    const { rows, cursorIsShown } = await terminal.until(hasEnded);
    expect(rows.at(-1)).toBe('status 130');
    expect(rows.join('\n')).toMatch(/Stopped after step \d+ of 39996\. Go on with\n {2}npx recap train --resume /);
    expect([...bars(rows), ...steps(rows), ...speeds(rows)]).toEqual([]);
    expect(cursorIsShown).toBe(true);
  });

  it('leaves the lines that stay as they are printed elsewhere', async () => {
    terminal = new Terminal(train('lines', ['train.epochs=6']), 60);
    await terminal.until(hasEnded);
    const lines = terminal.everything().split('\n');
    for (let epoch = 1; epoch <= 6; epoch++) {
      const at = lines.findIndex((line) => line.startsWith(`epoch ${epoch}/6  mean loss `));
      expect(lines.slice(at, at + 4).join('\n')).toMatch(/captions\/s\n {2}validation after epoch \d: loss /);
    }
    expect([...bars(lines), ...steps(lines), ...speeds(lines)]).toEqual([]);
    expect(lines.filter((line) => line.startsWith('epoch '))).toHaveLength(6);
  });

  it('gives the cursor back when a command without anything to finish is interrupted', async () => {
    terminal = new Terminal(`${recap('gradcheck', 'check')} --captions 20 --elements 100000`, 80);
    const bar = /^W_\w+ +━*╸?─+ +\d+% +\d+\/\d+ elements/;
    const waiting = await terminal.until(({ rows }) => rows.some((row) => bar.test(row)));
    expect(waiting.cursorIsShown).toBe(false);
    terminal.press('C-c');
    const { rows, cursorIsShown } = await terminal.until(hasEnded);
    expect(rows.at(-1)).toBe('status 130');
    expect(cursorIsShown).toBe(true);
  });
});
