import { COVERAGE } from "#libs/ml/ensemble.ts";
import { FEATURES } from "#libs/ml/features.ts";
import type { Manifest } from "#libs/ml/model-folder.ts";
import type { TrainedModel } from "#libs/ml/train.ts";

/** The model card and its plots: what a person reads before a model is trusted. All numbers come from the manifest. */

const [WIDTH, HEIGHT, MARGIN] = [480, 360, 48];
type Point = readonly [x: number, y: number];

/** In the unit square, y upwards, to the plot's pixels. */
const at = ([x, y]: Point): string =>
  `${(MARGIN + x * (WIDTH - 2 * MARGIN)).toFixed(1)},${(HEIGHT - MARGIN - y * (HEIGHT - 2 * MARGIN)).toFixed(1)}`;

function svg(title: string, axes: { readonly x: string; readonly y: string }, body: string): string {
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const [x, y] = at([share, share]).split(",") as [string, string];
    return (
      `<line x1="${x}" y1="${MARGIN}" x2="${x}" y2="${HEIGHT - MARGIN}" stroke="#ddd"/>` +
      `<line x1="${MARGIN}" y1="${y}" x2="${WIDTH - MARGIN}" y2="${y}" stroke="#ddd"/>` +
      `<text x="${x}" y="${HEIGHT - MARGIN + 16}" text-anchor="middle">${share}</text>` +
      `<text x="${MARGIN - 6}" y="${Number(y) + 4}" text-anchor="end">${share}</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11" role="img" aria-label="${title}">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/><text x="${WIDTH / 2}" y="24" text-anchor="middle" font-size="14">${title}</text>
${ticks.join("\n")}
<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">${axes.x}</text>
<text x="12" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 12 ${HEIGHT / 2})">${axes.y}</text>
${body}
</svg>
`;
}

const line = (points: readonly Point[], style: string): string => `<polyline fill="none" ${style} points="${points.map(at).join(" ")}"/>`;
const DIAGONAL = line(
  [
    [0, 0],
    [1, 1],
  ],
  'stroke="#999" stroke-dasharray="4 4"',
);

function importancePlot(shares: Float64Array): string {
  const rows = FEATURES.map(({ name }, column) => ({ name, share: shares[column] as number })).sort(
    (left, right) => right.share - left.share,
  );
  const most = Math.max(...rows.map(({ share }) => share), 1e-9);
  const height = rows.length * 18 + 40;
  const bars = rows.map(({ name, share }, place) => {
    const y = 34 + place * 18;
    return (
      `<text x="128" y="${y + 12}" text-anchor="end">${name}</text>` +
      `<rect x="134" y="${y + 2}" width="${((share / most) * 280).toFixed(1)}" height="13" fill="#3572b0"/>` +
      `<text x="${(140 + (share / most) * 280).toFixed(1)}" y="${y + 12}">${(share * 100).toFixed(1)} %</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11" role="img" aria-label="importance">
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="${WIDTH / 2}" y="22" text-anchor="middle" font-size="14">Loss saved by splits, landing trees</text>
${bars.join("\n")}
</svg>
`;
}

export function plots({ plots: { calibration, importance, gains } }: Pick<TrainedModel, "plots">): Readonly<Record<string, string>> {
  const dots = calibration.map(({ predicted, observed }) => {
    const [x, y] = at([predicted, observed]).split(",");
    return `<circle cx="${x}" cy="${y}" r="4" fill="#3572b0"/>`;
  });
  const curve = (of: (each: (typeof gains)[number]) => number, style: string) =>
    line(
      gains.map((each) => [each.share, Math.min(1, Math.max(0, of(each)))] as const),
      style,
    );
  return {
    "calibration.svg": svg(
      "Calibration on the test window",
      { x: "predicted probability of landing", y: "share that landed" },
      `${DIAGONAL}\n${dots.join("\n")}`,
    ),
    "importance.svg": importancePlot(importance),
    "lift.svg": svg(
      "What the best candidates brought",
      { x: "share of candidates, best first", y: "share of all profit landed" },
      `${DIAGONAL}\n${curve((each) => each.ours, 'stroke="#3572b0" stroke-width="2"')}\n${curve((each) => each.promised, 'stroke="#c44" stroke-width="2"')}
<text x="${WIDTH - MARGIN}" y="${HEIGHT - MARGIN - 24}" text-anchor="end" fill="#3572b0">by this model</text>
<text x="${WIDTH - MARGIN}" y="${HEIGHT - MARGIN - 8}" text-anchor="end" fill="#c44">by promised net profit</text>`,
    ),
  };
}

const exponent = (value: number): string => value.toExponential(1);
const short = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "–");
const ether = (wei: number): string => `${short(wei / 1e18)} coins`;

export function modelCard(
  manifest: Omit<Manifest, "files">,
  { windows, validationLosses }: Pick<TrainedModel, "windows" | "validationLosses">,
): string {
  const { name, version, parent, engine, data, metrics, parity, options, schemaHash } = manifest;
  const { lift } = metrics;
  const table = (head: readonly [string, string], rows: readonly (readonly [string, string | number])[]) =>
    [`| ${head.join(" | ")} |`, "| --- | --- |", ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
  const builtIn = `the built-in histogram trainer, version ${engine.version} (not XGBoost, but its file format)`;
  const trees = engine.trees === "libxgboost" ? `XGBoost ${engine.version}` : builtIn;
  const rounds = Object.values(options.rounds).join(" + ");
  const windowRows = Object.entries(windows).map(
    ([window, { begin, end }]) => [window, `${end - begin} rows, ${begin} to ${end - 1}`] as const,
  );
  return `# ${name} ${version}

Ranks atomic arbitrage candidates of one chain by what they can be expected to bring: probability of landing, profit given landing, spread of that profit.
Not meant for anything else, nor for a market unlike the one it was trained on. Parent: ${parent ?? "none"}.

## Data

${data.origin}. Blocks ${data.firstBlock} to ${data.lastBlock}, ${data.rows} candidates with known outcome, ${data.landed} landed. \
SHA-256 \`${data.hash}\`. Split by time, ${options.split.embargoBlocks} blocks left out between windows:

${table(["Window", "Rows"], windowRows)}

Features: ${FEATURES.length}, schema \`${schemaHash}\` (features.json).

## Training

Trees: ${trees}, ${rounds} rounds, depth ${options.trees.depth}, eta ${options.trees.eta}. \
Net: ${FEATURES.length} → ${options.net.hidden.join(" → ")} → 3, Adam, ${options.net.epochs} epochs, \
the best by validation loss (${short(Math.min(...validationLosses))}). Seed ${options.seed}.

## On the test window

${table(
  ["Measure", "Value"],
  [
    ["candidates", `${metrics.rows}, ${short(metrics.landingRate * 100)} % landed`],
    ["AUC of landing", short(metrics.auc)],
    ["… trees alone, net alone", `${short(metrics.aucTreesOnly)}, ${short(metrics.aucNetOnly)}`],
    ["… of promised net profit", short(metrics.aucPromisedProfit)],
    ["log-loss (always the fitted rate)", `${short(metrics.logLoss)} (${short(metrics.logLossConstant)})`],
    ["expected calibration error", short(metrics.ece)],
    ["profit error on the asinh scale (always the fitted mean)", `${short(metrics.profitError)} (${short(metrics.profitErrorConstant)})`],
    ["landings within the spread", `${short(metrics.coverage * 100)} % (meant: ${COVERAGE * 100} %)`],
    ["best of each block, by this model", `${ether(lift.ours)} over ${lift.blocks} blocks`],
    ["… by promised net profit", ether(lift.baseline)],
    [
      "lift",
      `${short(lift.lift * 100)} %; a block ${ether(lift.perBlock.mean)}, 95 % interval ${ether(lift.perBlock.low)} to ${ether(lift.perBlock.high)}`,
    ],
  ],
)}

![calibration](calibration.svg) ![lift](lift.svg) ![importance](importance.svg)

What a candidate that was not picked would have brought is the outcome that was recorded for it: where that is a simulation, so is the lift.
${data.limits === undefined ? "" : `\n## Limits\n\n${data.limits}\n`}
## Evaluators

On ${parity.rows} rows and ${parity.adversarialRows} hard ones, \
largest distance between the model as trained and onnxruntime ${exponent(parity.trainerToOnnx)}, \
the kernel ${exponent(parity.trainerToKernel)}; between these two ${exponent(parity.onnxToKernel)}. \
Above ${exponent(parity.tolerance)} it would not have been published.
`;
}
