import { invariant } from "#libs/units/invariant.ts";

/**
 * Gradient-boosted trees as XGBoost keeps them: at a split a row goes left where its feature is below the threshold; where it is missing (NaN), to the
 * default side. All numbers are float32, as XGBoost stores and compares them.
 */
export interface Tree {
  /** Children by node; -1 for a leaf. The root is node 0. */
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly feature: Int32Array;
  /** Threshold of a split, value of a leaf (with the learning rate in it). */
  readonly value: Float32Array;
  /** 1: missing goes left. */
  readonly defaultLeft: Uint8Array;
  /** Loss that the split saves. */
  readonly gain: Float32Array;
  /** Sum of second derivatives of the rows that come by. */
  readonly hessian: Float32Array;
}

export type Objective = "binary:logistic" | "reg:squarederror";

export interface Booster {
  readonly objective: Objective;
  /** On the scale of the target: a probability for `binary:logistic`. */
  readonly baseScore: number;
  readonly featureCount: number;
  readonly trees: readonly Tree[];
}

/** What all leaves are added to: log-odds for `binary:logistic`. Float32, as XGBoost counts. */
export function baseMargin({ objective, baseScore }: Pick<Booster, "objective" | "baseScore">): number {
  return Math.fround(objective === "binary:logistic" ? -Math.log(1 / baseScore - 1) : baseScore);
}

/** The leaf that a row of `rows`, which begins at `start`, ends in. */
export function leafOf(tree: Tree, rows: Float32Array, start: number): number {
  const { left, right, feature, value, defaultLeft } = tree;
  let node = 0;
  while (left[node] !== -1) {
    const seen = rows[start + (feature[node] as number)] as number;
    const goesLeft = Number.isNaN(seen) ? defaultLeft[node] === 1 : seen < (value[node] as number);
    node = (goesLeft ? left[node] : right[node]) as number;
  }
  return node;
}

/** Margins (log-odds, or the target itself) of rows of `featureCount` float32 each, summed in double precision: what other evaluators are compared with. */
export function margins(booster: Booster, rows: Float32Array): Float64Array {
  const count = rows.length / booster.featureCount;
  const base = baseMargin(booster);
  const sums = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    let sum = base;
    for (const tree of booster.trees) sum += tree.value[leafOf(tree, rows, row * booster.featureCount)] as number;
    sums[row] = sum;
  }
  return sums;
}

/**
 * The booster with its leaves rounded to a grid so fine and so coarse that float32 sums of them are exact in whatever order they are added: every
 * evaluator then says the same of the trees, to the bit but for the base. The grid is a power of two, 2^-22 of the largest sum that the leaves can come
 * to: some millionths, far below what leaves mean.
 */
export function onGrid(booster: Booster): Booster {
  let largest = 0;
  for (const { left, value } of booster.trees) {
    let most = 0;
    for (const [node, child] of left.entries()) if (child === -1) most = Math.max(most, Math.abs(value[node] as number));
    largest += most;
  }
  // One more for what rounding itself adds.
  const grid = 2 ** (Math.ceil(Math.log2(Math.max(largest, 2 ** -20))) - 22);
  const trees = booster.trees.map((tree) => ({
    ...tree,
    value: tree.value.map((value, node) => (tree.left[node] === -1 ? Math.round(value / grid) * grid + 0 : value)),
  }));
  return { ...booster, trees };
}

export function depthOf(tree: Tree, node = 0): number {
  if (tree.left[node] === -1) return 0;
  return 1 + Math.max(depthOf(tree, tree.left[node]), depthOf(tree, tree.right[node]));
}

/** Loss saved by all splits on a feature, as shares that add up to one (to zero where there is no split). */
export function importance({ trees, featureCount }: Booster): Float64Array {
  const gains = new Float64Array(featureCount);
  for (const { left, feature, gain } of trees)
    for (const [node, child] of left.entries())
      if (child !== -1) gains[feature[node] as number] = (gains[feature[node] as number] as number) + (gain[node] as number);
  const sum = gains.reduce((total, each) => total + each, 0);
  return sum === 0 ? gains : gains.map((each) => each / sum);
}

/** XGBoost's marker of a node without a parent. */
const NO_PARENT = 2 ** 31 - 1;

/** In a list of floats XGBoost 1.7 refuses a number that is written as an integer ("Invalid cast, from Integer"). */
const float = (value: number): string => value.toExponential();
/** Nine digits name a float32; of more than XGBoost's own parser takes none, and falls back to 0.5 in silence. */
const float32 = (value: number): string => Number(value.toPrecision(9)).toExponential();
const floats = (values: Float32Array): string => `[${Array.from(values, float).join(",")}]`;
const integers = (values: ArrayLike<number>): string => `[${Array.from(values).join(",")}]`;

function treeJson(tree: Tree, id: number, featureCount: number): string {
  const count = tree.left.length;
  const parents = new Int32Array(count).fill(NO_PARENT);
  for (let node = 0; node < count; node++) {
    if (tree.left[node] === -1) continue;
    parents[tree.left[node] as number] = node;
    parents[tree.right[node] as number] = node;
  }
  const zeros = new Int32Array(count);
  return `{"base_weights":${floats(new Float32Array(count))},"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],\
"default_left":${integers(tree.defaultLeft)},"id":${id},"left_children":${integers(tree.left)},"loss_changes":${floats(tree.gain)},\
"parents":${integers(parents)},"right_children":${integers(tree.right)},"split_conditions":${floats(tree.value)},\
"split_indices":${integers(tree.feature)},"split_type":${integers(zeros)},"sum_hessian":${floats(tree.hessian)},\
"tree_param":{"num_deleted":"0","num_feature":"${featureCount}","num_nodes":"${count}","size_leaf_vector":"0"}}`;
}

/** The model as XGBoost 1.7 reads it from a .json file (doc/model.schema of that release). */
export function writeBooster({ objective, baseScore, featureCount, trees }: Booster): string {
  return `{"learner":{"attributes":{},"feature_names":[],"feature_types":[],"gradient_booster":{"model":{"gbtree_model_param":{"num_parallel_tree":"1",\
"num_trees":"${trees.length}","size_leaf_vector":"0"},"tree_info":${integers(new Int32Array(trees.length))},"trees":[${trees
    .map((tree, id) => treeJson(tree, id, featureCount))
    .join(
      ",\n",
    )}]},"name":"gbtree"},"learner_model_param":{"base_score":"${float32(Math.fround(baseScore))}","boost_from_average":"1","num_class":"0",\
"num_feature":"${featureCount}","num_target":"1"},"objective":{"name":"${objective}","reg_loss_param":{"scale_pos_weight":"1"}}},"version":[1,7,4]}\n`;
}

interface XgboostTree {
  readonly default_left: readonly (number | boolean)[];
  readonly left_children: readonly number[];
  readonly right_children: readonly number[];
  readonly loss_changes: readonly number[];
  readonly split_conditions: readonly number[];
  readonly split_indices: readonly number[];
  readonly split_type?: readonly number[];
  readonly sum_hessian: readonly number[];
}

interface XgboostModel {
  readonly learner: {
    readonly gradient_booster: { readonly name: string; readonly model: { readonly trees: readonly XgboostTree[] } };
    readonly learner_model_param: { readonly base_score: string; readonly num_feature: string };
    readonly objective: { readonly name: string };
  };
}

/**
 * Reads a model that XGBoost, or `writeBooster`, has written. Throws `InvariantError` on what is not one of ours: another booster, objective, or
 * categories.
 */
export function readBooster(json: string): Booster {
  const { learner } = JSON.parse(json) as XgboostModel;
  const objective = learner.objective.name;
  invariant(objective === "binary:logistic" || objective === "reg:squarederror", `no such objective: ${objective}`);
  invariant(learner.gradient_booster.name === "gbtree", `no trees: ${learner.gradient_booster.name}`);
  const featureCount = Number(learner.learner_model_param.num_feature);
  const trees = learner.gradient_booster.model.trees.map((tree): Tree => {
    invariant(!tree.split_type?.some((type) => type !== 0), "a split by categories");
    const read: Tree = {
      left: Int32Array.from(tree.left_children),
      right: Int32Array.from(tree.right_children),
      feature: Int32Array.from(tree.split_indices),
      value: Float32Array.from(tree.split_conditions),
      defaultLeft: Uint8Array.from(tree.default_left, Number),
      gain: Float32Array.from(tree.loss_changes),
      hessian: Float32Array.from(tree.sum_hessian),
    };
    for (const [node, child] of read.left.entries()) {
      const other = read.right[node] as number;
      const isLeaf = child === -1 && other === -1;
      // Children come after their parent: whoever walks down comes to an end.
      invariant(isLeaf || (child > node && other > node && Math.max(child, other) < read.left.length), "children of a node");
      invariant(isLeaf || (read.feature[node] as number) < featureCount, "feature of a split");
      invariant(Number.isFinite(read.value[node]), "threshold or leaf");
    }
    return read;
  });
  // From version 2 on XGBoost writes it in brackets.
  const baseScore = Number(learner.learner_model_param.base_score.replace(/^\[(.*)\]$/, "$1"));
  invariant(Number.isFinite(baseScore), `base score ${learner.learner_model_param.base_score}`);
  return { objective, baseScore: Math.fround(baseScore), featureCount, trees };
}
