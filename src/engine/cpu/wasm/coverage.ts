/** How far attention is from having looked at every position once. */

/**
 * Of sums (rows,L) of the weights of each caption over its time steps: the loss factor·Σ (1 - sum)², each row times its
 * weight; the sums become its gradient by each weight in them.
 */
export function coverageLoss(sums: usize, captionWeights: usize, factor: f64, rows: u32, L: u32): f64 {
  let loss: f64 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const scale = factor * (captionWeights ? <f64>load<f32>(captionWeights + (row << 2)) : 1);
    for (let l: u32 = 0; l < L; l++) {
      const missing = 1 - <f64>load<f32>(sums);
      loss += scale * missing * missing;
      store<f32>(sums, <f32>(-2 * scale * missing));
      sums += 4;
    }
  }
  return loss;
}
