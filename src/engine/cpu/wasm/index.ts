export { adam, largestMagnitude, saveState } from './optimiser';
export { lstmCell, lstmCellBackward, rnnCell, rnnCellBackward } from './cells';
export { sgemm, sgemmPacked } from './matmul';
export { packB } from './pack';
export { addBias, addTo, columnSums, copy, gatherRows, scatterRows, sumByInput, transpose, zero, zeroRows } from './rows';
export { argmaxRows, softmaxLoss } from './softmax';
export { toBf16 } from './bfloat16';
export { vexp, vsigmoid, vtanh } from './transcendental';
