#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from "commander";
import { RIVAL_RULES } from "#libs/rivals/rules.ts";
import { UserError } from "#libs/units/invariant.ts";
import { VERSION } from "#services/cli/version.ts";

/** Exit codes: 0 done, 1 failed, 2 something the user can put right. */

const OLDEST_NODE = 24;

function wholeNumber(minimum: number, maximum: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < minimum || value > maximum)
      throw new InvalidArgumentError(`a whole number from ${minimum} to ${maximum} is wanted`);
    return value;
  };
}

/** `2s`, `500ms`, `1.5s` → milliseconds. */
function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) * (match[2] === "s" ? 1_000 : 1);
  if (!(value >= 100 && value <= 60_000)) throw new InvalidArgumentError("a duration from 100ms to 60s is wanted, such as 2s or 500ms");
  return value;
}

function shareOf(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError("a share above 0 and not above 1 is wanted");
  return value;
}

function nameOfModel(text: string): string {
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(text)) throw new InvalidArgumentError("lower-case letters, digits, - and _ are wanted");
  return text;
}

const program = new Command("hyperspeed")
  .description("Finds, ranks and executes atomic arbitrage across decentralised exchanges on EVM chains")
  .version(VERSION)
  .showHelpAfterError("(add --help for what is possible)")
  .exitOverride()
  .addHelpText("after", "\nStart with `hyperspeed up`: a local chain with a real market, every actor, and the dashboard.");

program
  .command("up")
  .description("Run the whole system: on a local chain with a recorded market, or on a public chain in paper mode")
  .option("--blocks <n>", "stop after so many blocks, drain and report", wholeNumber(1, 1_000_000))
  .option("--seed <n>", "decides the local market's every trade", wholeNumber(0, 2 ** 31 - 1), 1)
  .option("--block-time <duration>", "time between blocks of the local chain", duration, 2_000)
  .addOption(
    new Option("--rivals <rules>", "searchers that compete on the local chain (libs/rivals/rules.ts)").choices(Object.keys(RIVAL_RULES)),
  )
  .option("--settings <file>", "solver, scorer, trainer and minNetProfitWei of the chain, YAML or JSON (docs/configuration.md)")
  .option("--report <file>", "write the report there as JSON")
  .addOption(new Option("--processes <how>", "all actors in one process, or each in its own").choices(["one", "each"]).default("one"))
  .option("--chain <key>", "run against a public chain instead of the local one")
  .option("--rpc <url>", "endpoint of that chain, ws:// or wss:// where possible")
  .addOption(
    new Option("--mode <mode>", "what is done with opportunities on a public chain")
      .choices(["paper", "simulate", "live"])
      .default("paper"),
  )
  .option("--nats <url>", "use this NATS server instead of starting one")
  .option("--api-port <port>", "port of the gateway (3001, or a free one where that is taken)", wholeNumber(0, 65_535))
  .option("--dashboard-port <port>", "port of the dashboard (3000, or a free one where that is taken)", wholeNumber(0, 65_535))
  .option("--metrics-port <port>", "port of /metrics, /healthz and /readyz (a free one)", wholeNumber(0, 65_535), 0)
  .option("--keep", "keep the run's folder below .hyperspeed (streams, wallet, configuration)", false)
  .option("--json", "print nothing but the report, as JSON, on standard output", false)
  .addHelpText(
    "after",
    "\nExamples:\n  hyperspeed up\n  hyperspeed up --blocks 60 --block-time 1s --report report.json\n  hyperspeed up --rivals five --settings learning.yaml\n  hyperspeed up --chain ethereum --rpc wss://node.example --mode paper",
  )
  .action(async (given) => {
    if ((given.chain === undefined) !== (given.rpc === undefined))
      throw new UserError("--chain and --rpc belong together", "give both for a public chain, neither for the local one");
    if (given.chain !== undefined && given.rivals !== undefined)
      throw new UserError("--rivals is for the local chain", "a public one has rivals enough: leave it out");
    const { up } = await import("#services/cli/up.ts");
    process.exitCode = await up({
      blocks: given.blocks ?? null,
      seed: given.seed,
      blockTimeMs: given.blockTime,
      rivals: given.rivals ?? null,
      settings: given.settings ?? null,
      report: given.report ?? null,
      processes: given.processes,
      remote: given.chain === undefined ? null : { chain: given.chain, rpc: given.rpc, mode: given.mode },
      natsUrl: given.nats ?? null,
      apiPort: given.apiPort ?? null,
      dashboardPort: given.dashboardPort ?? null,
      metricsPort: given.metricsPort,
      keep: given.keep,
      json: given.json,
    });
  });

program
  .command("run")
  .description("Host single actors, or the dashboard, as a deployment does")
  .argument("<actor...>", "watcher, fetcher, analyst, solver, scorer, executor, trainer, gateway; or dashboard alone")
  .option("--chain <key>", "chain of the per-chain actors; all configured ones when absent")
  .option("--dex <id>", "only this DEX's fetcher")
  .requiredOption("--config <file>", "configuration of the deployment, YAML or JSON")
  .addHelpText(
    "after",
    "\nExamples:\n  hyperspeed run watcher --chain base --config hyperspeed.yaml\n  hyperspeed run fetcher --chain base --dex uniswap-v3 --config hyperspeed.yaml\n  hyperspeed run gateway --config hyperspeed.yaml",
  )
  .action(async (names: string[], given) => {
    const { readSystemConfig } = await import("#libs/chains/system-config.ts");
    const config = readSystemConfig(given.config);
    if (names.includes("dashboard")) {
      const { runDashboard } = await import("#services/cli/dashboard.ts");
      process.exitCode = await runDashboard(config);
      return;
    }
    const { parseActors } = await import("#services/cli/hosting.ts");
    const { runActors } = await import("#services/cli/run.ts");
    process.exitCode = await runActors({
      config,
      actors: parseActors(names),
      chains: given.chain === undefined ? Object.keys(config.chains) : [given.chain],
      dex: given.dex,
    });
  });

program
  .command("decode")
  .description("Turn one MessagePack message on standard input into JSON, for `nats stream view … --translate 'hyperspeed decode'`")
  .option("--subject <subject>", "check it against the schema of this subject")
  .addHelpText(
    "after",
    "\nExamples:\n  nats stream view HS_LOCAL_MONEY --translate 'hyperspeed decode'\n  nats sub 'hs.>' --translate 'hyperspeed decode --subject {{Subject}}'",
  )
  .action(async (given) => {
    const { decodeInput } = await import("#services/cli/decode.ts");
    process.exitCode = await decodeInput(given.subject ?? null);
  });

program
  .command("labels")
  .description("Write what became of each candidate, with its features, as lines of JSON: what models are trained on")
  .requiredOption("--from <stream...>", "streams to read, such as HS_BASE_DECISIONS")
  .requiredOption("--nats <url>", "NATS server that holds them")
  .option("--out <file>", "write there instead of to standard output")
  .addHelpText(
    "after",
    "\nOne line a candidate, oldest first. Features stand in the order of the schema that featureSchema names (libs/ml/features.ts), null where missing;\nno features at all where the ranking came late.\n\nExamples:\n  hyperspeed labels --from HS_BASE_DECISIONS --nats nats://127.0.0.1:4222 --out labels.jsonl\n  hyperspeed labels --from HS_BASE_DECISIONS --nats nats://127.0.0.1:4222 | jq -r .outcome | sort | uniq -c",
  )
  .action(async (given) => {
    const { exportLabels } = await import("#services/cli/labels.ts");
    const lines = await exportLabels({ from: given.from, natsUrl: given.nats, out: given.out ?? null });
    process.stderr.write(`${lines} labels\n`);
  });

program
  .command("train")
  .description("Train a model on labels: what became of candidates, and what had been seen of them")
  .requiredOption("--from <source...>", "streams with labels (HS_BASE_DECISIONS), files of lines from `hyperspeed labels`, or both")
  .option("--nats <url>", "NATS server that holds the streams")
  .option("--out <dir>", "folder of models; the model goes to <dir>/<name>/<version>", "models")
  .option("--name <name>", "what the model is called", nameOfModel, "trained")
  .option("--seed <n>", "decides the net's first weights: the same labels and seed give the same model", wholeNumber(0, 2 ** 31 - 1), 1)
  .option("--parent <version>", "model that this one is to improve on, for the card")
  .option("--json", "print the manifest and the folder as JSON, and nothing else", false)
  .addHelpText(
    "after",
    `
Labels are split by time: fitted, validated, calibrated and tested on blocks that follow each other, with a gap between. What is printed was measured on the last,
which the model has not seen. Trees are XGBoost's where libxgboost0 is installed (Debian, Ubuntu), the built-in trainer's otherwise; the manifest says which. A model
is written only if its definition, its ONNX file and its kernel agree on 100,000 rows. 50 candidates of either outcome are needed in each of the four parts.

A trainer that runs beside the system does all this by itself (docs/configuration.md, trainer). To let a model decide: hyperspeed model promote.

Examples:
  hyperspeed train --from HS_BASE_DECISIONS --nats nats://127.0.0.1:4222
  hyperspeed train --from monday.jsonl tuesday.jsonl --out models --name base --seed 7`,
  )
  .action(async (given) => {
    const { train } = await import("#services/cli/train.ts");
    await train({
      from: given.from,
      natsUrl: given.nats ?? null,
      out: given.out,
      name: given.name,
      seed: given.seed,
      parent: given.parent ?? null,
      json: given.json,
    });
  });

const model = program
  .command("model")
  .description("See which models rank a chain's candidates, compare two, and choose who decides")
  .addHelpText(
    "after",
    `
Of each chain one model decides, the champion; another may score beside it: a challenger, which decides nothing or, as a canary, a share of the blocks, or the champion
before. The trainer trains, compares and promotes by itself, and goes back when the new one turns out worse. promote and rollback are for a person who knows better:
both are stored beside what the trainer says, take effect with the next block that is ranked, and hold until the trainer's gates find otherwise.`,
  );
const STORE = ["--chain <key>", "--nats <url>"] as const;
const whereOf = (given: { readonly chain?: string; readonly nats?: string }) => {
  if ((given.chain === undefined) !== (given.nats === undefined))
    throw new UserError("--chain and --nats belong together", "name both the chain and the server that holds its models");
  return given.chain === undefined || given.nats === undefined ? null : { chain: given.chain, natsUrl: given.nats };
};
model
  .command("show")
  .description(
    "What stands on a chain: who decides, who scores beside it, how the champion does, what became of each model; or one model's card",
  )
  .argument("[model]", "a model's folder or version: show this one instead")
  .option(STORE[0], "chain")
  .option(STORE[1], "NATS server that holds its models")
  .option("--json", "print as JSON", false)
  .addHelpText(
    "after",
    "\nExamples:\n  hyperspeed model show --chain base --nats nats://127.0.0.1:4222\n  hyperspeed model show models/trained/0123456789abcdef",
  )
  .action(async (name: string | undefined, given) => {
    const where = whereOf(given);
    const { showModel, showModels } = await import("#services/cli/model.ts");
    if (name !== undefined) await showModel(name, where, given.json);
    else if (where !== null) await showModels(where, given.json);
    else throw new UserError("neither a model nor a chain is named", "give a model's folder, or --chain and --nats");
  });
model
  .command("compare")
  .description("Score the same labelled candidates with two models, and say which foretells better and which brings more")
  .argument("<first>", "a model's folder or version")
  .argument("<second>", "another one")
  .requiredOption("--from <source...>", "streams with labels, files of lines from `hyperspeed labels`, or both")
  .option(STORE[0], "chain whose store has a model that is given by its version")
  .option(STORE[1], "NATS server that holds it, and the streams")
  .option("--seed <n>", "of the bootstrap", wholeNumber(0, 2 ** 31 - 1), 1)
  .option("--json", "print as JSON", false)
  .addHelpText(
    "after",
    `
Intervals hold 95 %, by paired bootstrap over blocks. gwei a block: what the candidate that either would have sent first came to, or would have. Compare on labels that neither
was trained on: how many blocks are within the numbers that a model learnt from is shown beside it.

Example:
  hyperspeed model compare models/first/0123456789abcdef models/trained/fedcba9876543210 --from today.jsonl`,
  )
  .action(async (first: string, second: string, given) => {
    const { compareModels } = await import("#services/cli/model.ts");
    await compareModels([first, second], given.from, { where: whereOf(given), seed: given.seed, json: given.json });
  });
model
  .command("promote")
  .description("Let a model decide: a folder (proven and stored first), or a version that the store has")
  .argument("<model>", "a model's folder or version")
  .requiredOption(STORE[0], "chain")
  .requiredOption(STORE[1], "NATS server that holds its models")
  .option("--share <share>", "of the blocks; below 1 it is a canary, and the trainer's gates say how it goes on", shareOf, 1)
  .option("--json", "print what was said as JSON", false)
  .addHelpText(
    "after",
    "\nExample:\n  hyperspeed model promote models/trained/0123456789abcdef --chain base --nats nats://127.0.0.1:4222 --share 0.2",
  )
  .action(async (name: string, given) => {
    const { promoteModel } = await import("#services/cli/model.ts");
    await promoteModel(name, { chain: given.chain, natsUrl: given.nats }, { share: given.share, json: given.json });
  });
model
  .command("rollback")
  .description("Take a canary's blocks back, or the champion's place: the one before decides again")
  .requiredOption(STORE[0], "chain")
  .requiredOption(STORE[1], "NATS server that holds its models")
  .option("--json", "print what was said as JSON", false)
  .action(async (given) => {
    const { rollBackModel } = await import("#services/cli/model.ts");
    await rollBackModel({ chain: given.chain, natsUrl: given.nats }, { json: given.json });
  });

program
  .command("bench")
  .description("Time a part of the system on this machine: real units of work, with the machine and its load stated")
  .argument("<name>", "codec, search, start, block, tvl or quotes; or pools: the last four in one run")
  .option("--json", "print the report as JSON", false)
  .option("--quick", "tiny sizes, to see that it runs: the times mean nothing", false)
  .addHelpText(
    "after",
    `
  codec   the messages between actors, in several forms
  search  cycles found, sized and quoted after a block
  start   5,000 pairs and 1,000 pools with ticks found on a node and read; a fetcher's first start and its restart
  block   a block with 1,000 changed pools: logs applied, message encoded
  tvl     prices and values of 1.5 million pools after a block
  quotes  exact quotes by family, beside the packages that the protocols publish

Goals are held against the median round; a missed one is said and is no failure. What needs a chain or a broker brings its own.`,
  )
  .action(async (name: string, given) => {
    const { runBench } = await import("#services/cli/bench.ts");
    process.exitCode = await runBench(name, { json: given.json, quick: given.quick });
  });

program
  .command("registry")
  .description("List the built-in chains and the DEX deployments on them, with where each address comes from")
  .option("--chain <key>", "only this chain")
  .option("--family <id>", "only this pool family")
  .option("--json", "print deployments, all their sources and totals as JSON", false)
  .addHelpText(
    "after",
    "\nA fee `by pool` is one that each pool carries. `from block` is where discovery starts. `sources` counts the publishers that name the factory;\n--json names them.\n\nExamples:\n  hyperspeed registry --chain base\n  hyperspeed registry --family uniswap-v3 --json | jq '.deployments[].factory'",
  )
  .action(async (given) => {
    const { printRegistry } = await import("#services/cli/registry.ts");
    printRegistry({ chain: given.chain ?? null, family: given.family ?? null, json: given.json });
  });

program
  .command("doctor")
  .description(
    "Examine this machine, or a chain and its endpoint: one line a check, with what to do about a problem. Never writes to the chain",
  )
  .option("--chain <key>", "examine this chain instead of the machine")
  .option("--rpc <url>", "endpoint to ask; the configuration's first when absent")
  .option("--config <file>", "configuration that defines the chain or its endpoint")
  .option("--json", "print the checks as JSON", false)
  .addHelpText(
    "after",
    "\nOf the machine: Node, nats-server, anvil, default ports, disk. Of a chain: chain id, age of the head, eth_getLogs and eth_call by block hash,\ncreation code and state overrides in eth_call, Multicall3, wrapped native coin, every factory and flash lender, how new heads are told.\nThe exit code is 1 for any problem.\n\nExamples:\n  hyperspeed doctor\n  hyperspeed doctor --chain base --rpc wss://node.example\n  hyperspeed doctor --chain base --config hyperspeed.yaml --json",
  )
  .action(async (given) => {
    const { runDoctor } = await import("#services/cli/doctor.ts");
    process.exitCode = await runDoctor({
      chain: given.chain ?? null,
      rpc: given.rpc ?? null,
      config: given.config ?? null,
      json: given.json,
    });
  });

const verify = program.command("verify").description("Compare what we compute with what the chain says");
verify
  .command("pool")
  .description("Compare our exact quotes of one pool with what the pool itself pays, at several sizes both ways, at one block")
  .argument("<chain>", "key of the chain")
  .argument("<address>", "the pool's address")
  .option("--rpc <url>", "endpoint to ask; the configuration's first when absent")
  .option("--config <file>", "configuration that defines the chain or its endpoint")
  .option("--json", "print the comparison as JSON, amounts as decimal strings", false)
  .addHelpText(
    "after",
    "\nThe pool's factory() tells its DEX. Swaps are executed by eth_call and undone: a V3 pool swaps for a contract that does not pay, a V2 pair with its\ntokens' balances overridden. Sizes go from 1 unit to half of what the pool holds. `difference` is ours less the chain's.\nThe exit code is 0 when all agree, 1 when any differs or cannot be verified.\n\nExamples:\n  hyperspeed verify pool ethereum 0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc --rpc https://node.example\n  hyperspeed verify pool mychain 0x… --config hyperspeed.yaml --json",
  )
  .action(async (chain: string, pool: string, given) => {
    const { runVerifyPool } = await import("#services/cli/verify.ts");
    process.exitCode = await runVerifyPool({ chain, pool, rpc: given.rpc ?? null, config: given.config ?? null, json: given.json });
  });

const wallet = program.command("wallet").description("Make and look at encrypted keystores");
wallet
  .command("create")
  .description("Encrypt a new random key into a keystore file (Web3 secret storage, scrypt)")
  .requiredOption("--out <file>", "keystore to write; never overwritten")
  .requiredOption("--password-file <file>", "file whose first line is the password")
  .action(async (given) => {
    const { createWallet } = await import("#services/cli/wallet.ts");
    await createWallet(given.out, given.passwordFile);
  });

try {
  if (Number(process.versions.node.split(".")[0]) < OLDEST_NODE) {
    throw new UserError(
      `Node ${process.versions.node} is too old to run this`,
      "start it through npm (`npm run hyperspeed -- …`), which brings Node 24 on Linux x64, or install Node 24",
    );
  }
  await program.parseAsync();
} catch (cause) {
  const error = cause as Error & { code?: string; exitCode?: number };
  if (error.code?.startsWith("commander.") === true) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof UserError) {
    process.stderr.write(`hyperspeed: ${error.message}\n  → ${error.remedy}\n`);
    process.exitCode = 2;
  } else {
    process.stderr.write(`hyperspeed: ${error.stack ?? error.message}\n`);
    process.exitCode = 1;
  }
}
// Everything is closed by now; a worker thread or socket that a failure left behind must not keep the process.
process.exit();
