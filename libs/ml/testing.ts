import { type Booster, type Objective, onGrid, type Tree } from "#libs/ml/booster.ts";
import { type Ensemble, HEADS } from "#libs/ml/ensemble.ts";
import { FEATURE_COUNT, FEATURES, type FeatureName, featureValue } from "#libs/ml/features.ts";
import { type Net, onNetGrid } from "#libs/ml/net.ts";
import { randomFrom } from "#libs/ml/random.ts";
import { type Dataset, DEFAULT_OPTIONS, type TrainedModel, type TrainingOptions, trainEnsemble } from "#libs/ml/train.ts";
import { invariant } from "#libs/units/invariant.ts";

/**
 * An invented market for tests and benchmarks, not for a model anyone trades with: candidates in blocks whose outcome depends on their features in a
 * known way, with ties, steps, missing values and noise. What it can prove is that training finds what is there; how well any market can be foretold it
 * cannot say.
 */
export interface SyntheticMarket extends Dataset {
  /** The chance that each row had of landing: no model can be better than this. */
  readonly chances: Float64Array;
}

export function syntheticMarket(count: number, seed: number): SyntheticMarket {
  const random = randomFrom(seed);
  const rows = new Float32Array(count * FEATURE_COUNT);
  const blocks = new Float64Array(count);
  const landed = new Uint8Array(count);
  const profitWei = new Float64Array(count).fill(Number.NaN);
  const promisedWei = new Float64Array(count);
  const chances = new Float64Array(count);
  let block = 20_000_000;
  let left = 0;
  let [baseFee, fullness, rivals, cycles] = [2, 0.5, 1, 100];
  let trend = 0;
  for (let row = 0; row < count; row++) {
    if (left === 0) {
      block++;
      left = 1 + random.below(16);
      const before = baseFee;
      baseFee *= Math.exp(0.06 * random.normal() - 0.05 * Math.log(baseFee / 2));
      trend = Math.log(baseFee / before) * 3;
      fullness = Math.min(1, Math.max(0, 0.5 + 0.3 * random.normal()));
      rivals = Math.max(0, rivals * 0.95 + 0.05 * (1 + 2 * random.normal()));
      cycles = Math.exp(4 + 1.5 * random.normal());
    }
    const rank = left--;
    const hops = random.unit() < 0.6 ? 3 : 2;
    const tvl = Math.exp(3 + 2.5 * random.normal());
    const gas = hops * 1.1 + random.unit() + 1.2;
    const gasCost = gas * 1e5 * baseFee * 1e-3;
    const gross = gasCost * (0.8 + 0.4 * random.unit()) + Math.exp(7.5 + 1.5 * random.normal());
    const amountIn = Math.exp(13 + 1.5 * random.normal());
    const age = random.unit() < 0.5 ? 0 : Math.floor(Math.exp(4 * random.unit()));
    const vanished = random.unit() < 0.3 ? null : Math.round(10 * random.unit()) / 10;
    const taken = Math.floor(Math.exp(3 * random.unit() ** 2)) - 1;
    const accuracy = random.unit() < 0.1 ? 0.5 * random.unit() : 1 - 0.1 * random.unit();
    const volatility = Math.exp(2 + random.normal());
    const impact = 1e4 * Math.min(0.5, amountIn / 1e6 / tvl / 2);
    const net = gross - gasCost;
    const known: Record<FeatureName, number | null> = {
      hops,
      families: 1 + random.below(hops),
      grossProfit: gross,
      netProfit: net,
      gas,
      gasPrice: baseFee,
      gasCost,
      loanFee: 0,
      amountIn,
      amountToDepth: (amountIn / 1e6 / tvl) * 1_000,
      priceImpact: impact,
      thinnestTvl: tvl,
      stateAge: age,
      volatility,
      cycleVanished: vanished,
      poolsTaken: taken,
      rivals,
      baseFeeTrend: trend,
      blockFullness: fullness,
      timeInBlock: 0.03 + 0.05 * random.unit() ** 2,
      tokenConfidence: random.unit() < 0.05 ? null : random.unit() ** 0.3,
      poolAccuracy: accuracy,
      rank: rank - 1,
      cyclesInBlock: Math.round(cycles),
    };
    for (const [column, feature] of FEATURES.entries()) {
      const isLost = feature.missing !== null && random.unit() < 0.02;
      rows[row * FEATURE_COUNT + column] = featureValue(feature, isLost ? null : known[feature.name]);
    }
    // Large and fresh ones are fought over; old ones and those that stand on a pool we quote badly are not really there.
    const z =
      1.2 -
      0.45 * Math.max(0, Math.log(gross) - 7.5) * (0.5 + Math.min(2, rivals)) -
      (accuracy < 0.6 ? 2.5 : 0) -
      0.25 * Math.log1p(age) -
      1.6 * (vanished ?? 0.3) -
      0.35 * Math.log1p(taken) +
      0.8 * Math.sin(1.5 * trend * 6) -
      0.7 * (fullness > 0.9 ? 1 : 0) -
      0.2 * Math.log(volatility);
    const chance = 1 / (1 + Math.exp(-z));
    blocks[row] = block;
    chances[row] = chance;
    promisedWei[row] = net * 1e12;
    landed[row] = random.unit() < chance ? 1 : 0;
    const slip = Math.exp(-0.1 * Math.log1p(impact) + 0.05 + (0.05 + 0.02 * volatility ** 0.5) * random.normal());
    if (landed[row] === 1) profitWei[row] = (gross * slip - gasCost) * 1e12;
  }
  return { featureCount: FEATURE_COUNT, rows, blocks, landed, profitWei, promisedWei, chances };
}

/** Same rows with outcomes dealt out anew: nothing left to learn. */
export function withShuffledOutcomes(dataset: Dataset, seed: number): Dataset {
  const random = randomFrom(seed);
  const landed = dataset.landed.slice();
  const profitWei = dataset.profitWei.slice();
  for (let row = landed.length - 1; row > 0; row--) {
    const other = random.below(row + 1);
    [landed[row], landed[other]] = [landed[other] as number, landed[row] as number];
    [profitWei[row], profitWei[other]] = [profitWei[other] as number, profitWei[row] as number];
  }
  return { ...dataset, landed, profitWei };
}

export async function trained(dataset: Dataset, options: Partial<TrainingOptions> = {}): Promise<TrainedModel> {
  const result = await trainEnsemble(dataset, { ...DEFAULT_OPTIONS, xgboost: null, seed: 1, ...options });
  invariant(result.ok, `trained: ${JSON.stringify(result)}`);
  return result.value;
}

/** The model with the leaves of its first tree moved: a file that went wrong without losing its shape. */
export function withOneLeafMoved(ensemble: Ensemble, by: number): Ensemble {
  const [first, ...others] = ensemble.boosters.landing.trees;
  invariant(first !== undefined, "a tree");
  const value = first.value.map((each, node) => (first.left[node] === -1 ? each + by : each));
  return {
    ...ensemble,
    boosters: { ...ensemble.boosters, landing: { ...ensemble.boosters.landing, trees: [{ ...first, value }, ...others] } },
  };
}

/** An ensemble of random shape, trained on nothing: every kind of tree from a single leaf on, any number of features, weights of any sign. */
export function randomEnsemble(
  seed: number,
  options: { readonly featureCount?: number; readonly trees?: number; readonly depth?: number } = {},
): Ensemble {
  const random = randomFrom(seed);
  const { featureCount = FEATURE_COUNT, trees = 9, depth = 5 } = options;
  const tree = (): Tree => {
    const nodes: { left: number; right: number; feature: number; value: number; defaultLeft: number }[] = [];
    const grow = (left: number) => {
      const place = nodes.length;
      nodes.push({ left: -1, right: -1, feature: 0, value: random.normal(), defaultLeft: 0 });
      if (left === 0 || random.unit() < 0.2) return place;
      const own = { feature: random.below(featureCount), value: Math.fround(random.normal()), defaultLeft: random.below(2) };
      const children = { left: grow(left - 1), right: grow(left - 1) };
      nodes[place] = { ...own, ...children };
      return place;
    };
    grow(depth);
    return {
      left: Int32Array.from(nodes, (node) => node.left),
      right: Int32Array.from(nodes, (node) => node.right),
      feature: Int32Array.from(nodes, (node) => node.feature),
      value: Float32Array.from(nodes, (node) => node.value),
      defaultLeft: Uint8Array.from(nodes, (node) => node.defaultLeft),
      gain: new Float32Array(nodes.length),
      hessian: new Float32Array(nodes.length),
    };
  };
  const booster = (objective: Objective, baseScore: number): Booster =>
    onGrid({ objective, baseScore: Math.fround(baseScore), featureCount, trees: Array.from({ length: trees }, tree) });
  const sizes = [featureCount, 12, 7, HEADS.length] as const;
  const layers = [0, 1, 2].map((layer) => ({
    weights: Float32Array.from({ length: (sizes[layer] as number) * (sizes[layer + 1] as number) }, () => random.normal() * 0.4),
    bias: Float32Array.from({ length: sizes[layer + 1] as number }, () => random.normal()),
  }));
  const net = onNetGrid({
    sizes,
    mean: Float32Array.from({ length: featureCount }, () => random.normal()),
    inverse: Float32Array.from({ length: featureCount }, () => 0.2 + random.unit()),
    layers: layers as unknown as Net["layers"],
  });
  const mix = () => ({ treeShare: random.unit(), scale: 0.5 + random.unit(), offset: random.normal() });
  return {
    featureCount,
    boosters: {
      landing: booster("binary:logistic", 0.05 + 0.9 * random.unit()),
      profit: booster("reg:squarederror", 3 * random.normal()),
      spread: booster("reg:squarederror", random.normal()),
    },
    net,
    mixes: { landing: mix(), profit: mix(), spread: mix() },
  };
}
