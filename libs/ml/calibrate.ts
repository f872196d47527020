/** How a head's margin becomes its answer: scale · margin + offset, for `landing` with a sigmoid behind it. Learnt on rows that no model was trained on. */
export interface Calibration {
  readonly scale: number;
  readonly offset: number;
}

/**
 * Platt's calibration of log-odds, by Newton's method (Platt 1999; Lin, Lin and Weng 2007). Two parameters: isotonic regression wants far more than a
 * thousand rows. A scale at or below zero would turn the order around: then only the offset is learnt.
 */
export function platt(margins: ArrayLike<number>, labels: ArrayLike<number>): Calibration {
  let positives = 0;
  for (let row = 0; row < labels.length; row++) positives += labels[row] as number;
  const negatives = labels.length - positives;
  // Targets short of certainty: what keeps separable data finite.
  const [high, low] = [(positives + 1) / (positives + 2), 1 / (negatives + 2)];
  const solve = (onlyOffset: boolean): Calibration => {
    let scale = 1;
    let offset = 0;
    const lossAt = (a: number, b: number) => {
      let sum = 0;
      for (let row = 0; row < labels.length; row++) {
        const margin = a * (margins[row] as number) + b;
        sum += Math.max(margin, 0) - margin * (labels[row] === 1 ? high : low) + Math.log1p(Math.exp(-Math.abs(margin)));
      }
      return sum;
    };
    let loss = lossAt(scale, offset);
    for (let round = 0; round < 100; round++) {
      let [da, db, daa, dab, dbb] = [0, 0, 1e-9, 0, 1e-9];
      for (let row = 0; row < labels.length; row++) {
        const x = margins[row] as number;
        const probability = 1 / (1 + Math.exp(-(scale * x + offset)));
        const error = probability - (labels[row] === 1 ? high : low);
        const curvature = probability * (1 - probability);
        da += error * x;
        db += error;
        daa += curvature * x * x;
        dab += curvature * x;
        dbb += curvature;
      }
      if (onlyOffset) [da, daa, dab] = [0, 1, 0];
      const determinant = daa * dbb - dab * dab;
      const [stepA, stepB] = [(dbb * da - dab * db) / determinant, (daa * db - dab * da) / determinant];
      // Halved until the loss falls; where no step lowers it, this is the bottom.
      let size = 1;
      let next = lossAt(scale - stepA, offset - stepB);
      while (!(next < loss) && size > 1e-6) {
        size /= 2;
        next = lossAt(scale - size * stepA, offset - size * stepB);
      }
      if (!(next < loss)) break;
      scale -= size * stepA;
      offset -= size * stepB;
      if (loss - next < 1e-12 * labels.length) break;
      loss = next;
    }
    return { scale, offset };
  };
  const both = solve(false);
  return both.scale > 0 ? both : solve(true);
}

/** Least squares of targets on values. Where the values say nothing about the targets, or the opposite, they stay as they are but for their mean. */
export function straightLine(values: ArrayLike<number>, targets: ArrayLike<number>): Calibration {
  const count = values.length;
  let [x, y, xx, xy] = [0, 0, 0, 0];
  for (let row = 0; row < count; row++) {
    x += (values[row] as number) / count;
    y += (targets[row] as number) / count;
  }
  for (let row = 0; row < count; row++) {
    const apart = (values[row] as number) - x;
    xx += apart * apart;
    xy += apart * ((targets[row] as number) - y);
  }
  const scale = xx > 0 && xy > 0 ? xy / xx : 1;
  return { scale, offset: y - scale * x };
}

/**
 * What spreads must be multiplied by, for the given share of errors to be within them: the quantile of error ÷ spread, with the correction for a finite sample
 * of split conformal prediction (Lei et al. 2018). Null where too many spreads are not above zero.
 */
export function spreadFactor(errors: ArrayLike<number>, spreads: ArrayLike<number>, share: number): number | null {
  const ratios = Float64Array.from({ length: errors.length }, (_, row) => {
    const spread = spreads[row] as number;
    return spread > 0 ? (errors[row] as number) / spread : Number.POSITIVE_INFINITY;
  }).sort();
  const ratio = ratios[Math.min(ratios.length, Math.ceil((ratios.length + 1) * share)) - 1];
  return ratio !== undefined && Number.isFinite(ratio) && ratio > 0 ? ratio : null;
}
