/** What a model that does not look can know: ridge logistic regression on a few numbers of each film. */

/** Mean, deviation and 16-bin histogram of u8 pixels: 18 numbers. */
export function greyStatistics(pixels: Uint8Array): number[] {
  const bins = new Array<number>(16).fill(0);
  let sum = 0, squares = 0;
  for (const p of pixels) {
    bins[p >> 4]++;
    sum += p;
    squares += p * p;
  }
  const mean = sum / pixels.length;
  return [mean, Math.sqrt(squares / pixels.length - mean * mean), ...bins.map((n) => n / pixels.length)];
}

/** Mean of each of 8 × 8 equal tiles of (size, size) u8 pixels: 64 numbers. */
export function thumbnail(pixels: Uint8Array, size: number): number[] {
  const tile = size / 8;
  const sums = new Array<number>(64).fill(0);
  pixels.forEach((p, i) => {
    sums[8 * Math.floor(Math.floor(i / size) / tile) + Math.floor(i % size / tile)] += p / (tile * tile);
  });
  return sums;
}

/** Exact AUROC by counting pairs; ties count half. */
export function pairAuroc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  let won = 0, pairs = 0;
  for (let i = 0; i < scores.length; i++) {
    if (!labels[i]) continue;
    for (let j = 0; j < scores.length; j++) {
      if (labels[j]) continue;
      pairs++;
      won += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0;
    }
  }
  return won / pairs;
}

/** Solves the symmetric positive definite system in place (Cholesky). */
function solve(matrix: number[][], right: number[]): number[] {
  const n = right.length;
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let value = matrix[i][j];
      for (let k = 0; k < j; k++) value -= matrix[i][k] * matrix[j][k];
      matrix[i][j] = i === j ? Math.sqrt(value) : value / matrix[j][j];
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) right[i] -= matrix[i][k] * right[k];
    right[i] /= matrix[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) right[i] -= matrix[k][i] * right[k];
    right[i] /= matrix[i][i];
  }
  return right;
}

/** Fits on `train`, scores `test`: AUROC of the fit there. Features are standardised; ridge 1, intercept free. */
export function logisticAuroc(
  train: { features: number[][]; labels: number[] },
  test: { features: number[][]; labels: number[] },
): number {
  const width = train.features[0].length;
  const columns = Array.from({ length: width }, (_, j) => train.features.map((row) => row[j]));
  const means = columns.map((c) => c.reduce((a, b) => a + b, 0) / c.length);
  const scales = columns.map((c, j) =>
    Math.sqrt(c.reduce((a, b) => a + (b - means[j]) ** 2, 0) / c.length) + 1e-9
  );
  const prepare = (row: number[]) => [...row.map((x, j) => (x - means[j]) / scales[j]), 1];
  const rows = train.features.map(prepare);
  const weights = new Array<number>(width + 1).fill(0);
  const score = (row: number[]) => row.reduce((sum, x, j) => sum + x * weights[j], 0);
  for (let iteration = 0; iteration < 8; iteration++) {
    const gradient = weights.map((w, j) => j < width ? w : 0);
    const hessian = weights.map((_, i) => weights.map((_, j) => i === j ? (i < width ? 1 : 1e-6) : 0));
    rows.forEach((row, n) => {
      const p = 1 / (1 + Math.exp(-score(row)));
      for (let i = 0; i <= width; i++) {
        gradient[i] += (p - train.labels[n]) * row[i];
        for (let j = 0; j <= i; j++) hessian[i][j] += p * (1 - p) * row[i] * row[j];
      }
    });
    solve(hessian, gradient).forEach((step, j) => weights[j] -= step);
  }
  return pairAuroc(test.features.map((row) => score(prepare(row))), test.labels);
}
