import { type Booster, baseMargin } from "#libs/ml/booster.ts";
import { type Ensemble, factorsOf, HEADS } from "#libs/ml/ensemble.ts";
import { CEILING, GRID, LIMIT } from "#libs/ml/net.ts";
import { OnnxGraph } from "#libs/ml/onnx-graph.ts";

/** Source: ai.onnx.ml version 3, TreeEnsembleRegressor: BRANCH_LT goes to the true node where the feature is below the value, or missing and tracked. */
function addTrees(graph: OnnxGraph, booster: Booster, input: string): string {
  const nodes = booster.trees.flatMap((tree, treeId) =>
    Array.from(tree.left, (left, nodeId) => ({
      treeId,
      nodeId,
      isLeaf: left === -1,
      left: Math.max(left, 0),
      right: Math.max(tree.right[nodeId] as number, 0),
      feature: tree.feature[nodeId] as number,
      value: tree.value[nodeId] as number,
      defaultLeft: tree.defaultLeft[nodeId] as number,
    })),
  );
  const leaves = nodes.filter(({ isLeaf }) => isLeaf);
  const integers = (of: (node: (typeof nodes)[number]) => number, among = nodes) => ({ integers: among.map(of) });
  return graph.node("TreeEnsembleRegressor", [input], {
    n_targets: { integer: 1 },
    aggregate_function: { text: "SUM" },
    post_transform: { text: "NONE" },
    base_values: { floats: Float32Array.of(baseMargin(booster)) },
    nodes_treeids: integers(({ treeId }) => treeId),
    nodes_nodeids: integers(({ nodeId }) => nodeId),
    nodes_modes: { texts: nodes.map(({ isLeaf }) => (isLeaf ? "LEAF" : "BRANCH_LT")) },
    nodes_featureids: integers(({ feature, isLeaf }) => (isLeaf ? 0 : feature)),
    nodes_values: { floats: Float32Array.from(nodes, ({ value, isLeaf }) => (isLeaf ? 0 : value)) },
    nodes_truenodeids: integers(({ left }) => left),
    nodes_falsenodeids: integers(({ right }) => right),
    nodes_missing_value_tracks_true: integers(({ defaultLeft }) => defaultLeft),
    target_treeids: integers(({ treeId }) => treeId, leaves),
    target_nodeids: integers(({ nodeId }) => nodeId, leaves),
    target_ids: integers(() => 0, leaves),
    target_weights: { floats: Float32Array.from(leaves, ({ value }) => value) },
  });
}

/** The whole ensemble as one ONNX model: `features` [rows, features] in, NaN where missing; `scores` [rows, heads] out. */
export function toOnnx({ featureCount, boosters, net, mixes }: Ensemble, metadata: Readonly<Record<string, string>>): Uint8Array {
  const graph = new OnnxGraph("ensemble");
  graph.input("features", ["rows", featureCount]);
  graph.output("scores", ["rows", HEADS.length]);

  const trees = graph.node(
    "Concat",
    HEADS.map((head) => addTrees(graph, boosters[head], "features")),
    { axis: { integer: 1 } },
  );

  const [inputs, first, second, heads] = net.sizes;
  graph.constant("mean", net.mean, [1, inputs]);
  graph.constant("inverse", net.inverse, [1, inputs]);
  graph.constant("low", Float32Array.of(-LIMIT));
  graph.constant("high", Float32Array.of(LIMIT));
  const filled = graph.node("Where", [graph.node("IsNaN", ["features"]), "mean", "features"]);
  const scaled = graph.node("Mul", [graph.node("Sub", [filled, "mean"]), "inverse"]);
  graph.constant("none", Float32Array.of(0));
  graph.constant("ceiling", Float32Array.of(CEILING));
  graph.constant("perGrid", Float32Array.of(1 / GRID));
  // Whole numbers of GRID go into a layer, whose weights are per GRID: powers of two, so nothing is lost.
  const gridded = (value: string) => graph.node("Round", [graph.node("Mul", [value, "perGrid"])]);
  let values = gridded(graph.node("Clip", [scaled, "low", "high"]));
  for (const [index, [from, to]] of (
    [
      [inputs, first],
      [first, second],
      [second, heads],
    ] as const
  ).entries()) {
    const layer = net.layers[index] as (typeof net.layers)[number];
    graph.constant(
      `weights${index}`,
      layer.weights.map((weight) => weight * GRID),
      [from, to],
    );
    graph.constant(`bias${index}`, layer.bias, [to]);
    values = graph.node("Gemm", [values, `weights${index}`, `bias${index}`]);
    if (index < 2) values = gridded(graph.node("Clip", [values, "none", "ceiling"]));
  }

  const factors = HEADS.map((head) => factorsOf(mixes[head]));
  for (const [index, name] of ["treeFactor", "netFactor", "offset"].entries())
    graph.constant(
      name,
      Float32Array.from(factors, (each) => each[index] as number),
      [1, HEADS.length],
    );
  const nets = graph.node("Add", [graph.node("Mul", [values, "netFactor"]), "offset"]);
  const mixed = graph.node("Add", [graph.node("Mul", [trees, "treeFactor"]), nets]);
  graph.constant("each", [1, 1, 1], [HEADS.length]);
  const columns = HEADS.map((head) => `${head}Margin`);
  graph.node("Split", [mixed, "each"], { axis: { integer: 1 } }, columns);
  const [landing, profit, spread] = columns as [string, string, string];
  graph.node("Concat", [graph.node("Sigmoid", [landing]), profit, graph.node("Relu", [spread])], { axis: { integer: 1 } }, ["scores"]);
  return graph.finish(metadata);
}
