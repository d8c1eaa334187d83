/** Time steps of the LSTM and the RNN as lane programs: step by step what wasm/cells.ts does; shapes in kernel-functions.ts. */
import { LaneProgram, type RowOperand, type RowProgram, type Value } from './lane-program.js';
import { sigmoid, tanh } from './transcendental.js';

function row(name: string): RowOperand {
  return { name, sections: 1 };
}

function fourGates(name: string): RowOperand {
  return { name, sections: 4 };
}

function gathered(operand: RowOperand): RowOperand {
  return { ...operand, gathered: true };
}

function rnnCellProgram(): RowProgram {
  const [x, r, h] = [gathered(row('x')), row('r'), row('h')];
  const p = new LaneProgram();
  p.store(h, tanh(p, p.add(p.load(x), p.load(r))));
  return { operands: [x, r, h], program: p };
}

function lstmCellProgram(): RowProgram {
  const [x, gates] = [gathered(fourGates('x')), fourGates('gates')];
  const [prevC, c, h] = [row('prevC'), row('c'), row('h')];
  const p = new LaneProgram();
  const gate = (section: number, activation: (p: LaneProgram, x: Value) => Value) => {
    const y = activation(p, p.add(p.load(x, section), p.load(gates, section)));
    p.store(gates, y, section);
    return y;
  };
  const [i, f, o] = [gate(0, sigmoid), gate(1, sigmoid), gate(2, sigmoid)];
  const g = gate(3, tanh);
  const s = p.madd(f, p.load(prevC), p.multiply(i, g));
  p.store(c, s);
  p.store(h, p.multiply(o, tanh(p, s)));
  return { operands: [x, gates, prevC, c, h], program: p };
}

/** @param next whether gradients come from the next time step */
function lstmBackwardProgram(next: boolean): RowProgram {
  const [gates, da] = [fourGates('gates'), fourGates('da')];
  const [prevC, c, dh, dhNext, dcNext, dc] = [
    ...([row('prevC'), row('c'), row('dh'), row('dhNext'), row('dcNext'), row('dc')] as const),
  ];
  const p = new LaneProgram();
  const [one, zero] = [p.splat(1), p.splat(0)];
  const y = tanh(p, p.load(c));
  const grad = p.add(p.load(dh), next ? p.load(dhNext) : zero);
  const [i, f, o, g] = [p.load(gates, 0), p.load(gates, 1), p.load(gates, 2), p.load(gates, 3)];
  const s = p.madd(p.multiply(grad, o), p.nmadd(y, y, one), next ? p.load(dcNext) : zero);
  const slope = (gate: Value) => p.multiply(gate, p.subtract(one, gate));
  const previous = p.load(prevC);
  p.store(da, p.multiply(p.multiply(s, g), slope(i)), 0);
  p.store(da, p.multiply(p.multiply(s, previous), slope(f)), 1);
  p.store(da, p.multiply(p.multiply(grad, y), slope(o)), 2);
  p.store(da, p.multiply(p.multiply(s, i), p.nmadd(g, g, one)), 3);
  p.store(dc, p.multiply(s, f));
  return { operands: [gates, prevC, c, dh, ...(next ? [dhNext, dcNext] : []), da, dc], program: p };
}

export const cellPrograms = {
  rnnCell: rnnCellProgram(),
  lstmCell: lstmCellProgram(),
  lstmBackward: lstmBackwardProgram(false),
  lstmBackwardNext: lstmBackwardProgram(true),
};
