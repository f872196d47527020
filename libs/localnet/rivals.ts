/**
 * Competing searchers: each with a contract and accounts of its own, the real search, and a hidden rule of what it sees and wants (libs/rivals). They trade through the real
 * contracts, as bundles that the builder treats like everybody's.
 */

import { AbiCoder, getCreateAddress, Interface, type InterfaceAbi, id } from "ethers";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { artifact } from "#libs/contracts/artifact.ts";
import { encodeExecute, gasLimitOf } from "#libs/contracts/plan.ts";
import { toHex } from "#libs/evm/hex.ts";
import type { RpcClient } from "#libs/evm/rpc.ts";
import type { SearchOptions } from "#libs/graph/search.ts";
import { type RivalChoice, Rivals } from "#libs/rivals/rivals.ts";
import { RIVAL_RULES, type RivalRule, type RivalRulesName } from "#libs/rivals/rules.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import { HASTY_TRADERS, type LocalAccount, localAccount, sign } from "./accounts.ts";
import type { Builder, RivalSource } from "./builder.ts";
import { type Bundle, noncesOf, ownBundle } from "./bundle.ts";
import { CHAIN_ID } from "./genesis.ts";
import { PoolWatch } from "./pool-watch.ts";

/** What a user may know of them; their rules are for the curious to read, and for no actor to know. */
export interface RivalFacts {
  readonly name: string;
  readonly contract: Address;
  readonly senders: readonly Address[];
}

interface Searcher {
  readonly rule: RivalRule;
  readonly contract: Address;
  /** One for each bundle of a block: a bundle that is left out must not hold up another by its nonce. */
  readonly accounts: readonly LocalAccount[];
}

/** As the solver's (services/solver/config.ts): nobody here searches better than we do, or worse. */
const SEARCH: Omit<SearchOptions, "startToken"> = {
  maxHops: 3,
  maxCandidates: 0,
  minGrossProfit: 1e12,
  maxAmountIn: 1_000n * 10n ** 18n,
  maxVisits: 1_000_000,
};
/** Tokens that every rival follows beside the native coin and stable ones: WBTC. */
const HUBS = ["0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"];
const DEPLOY_GAS_LIMIT = 4_000_000n;
const OPERATOR_GAS_LIMIT = 100_000n;
const RICH_WEI = 10n ** 24n;

const searcherOf = (rule: RivalRule): Searcher => {
  const accounts = Array.from({ length: rule.bundles }, (_, slot) => localAccount(`rival ${rule.name} ${slot}`));
  const owner = accounts[0];
  invariant(owner !== undefined, "a rival sends at least one bundle");
  return { rule, accounts, contract: asAddress(getCreateAddress({ from: owner.address, nonce: 0 })) };
};

/** Gives them coins, and deploys their contracts in one block. */
async function settleIn(
  searchers: readonly Searcher[],
  chain: ChainConfig,
  { rpc, builder }: { rpc: RpcClient; builder: Builder },
): Promise<void> {
  const accounts = [...HASTY_TRADERS, ...searchers.flatMap((searcher) => searcher.accounts)];
  for (const { address } of accounts) await rpc.send("anvil_setBalance", [address, toHex(RICH_WEI)]);
  const { bytecode, abi } = artifact("Executor");
  const setOperator = new Interface(abi as InterfaceAbi);
  const lender = chain.flashLenders[0];
  invariant(lender !== undefined, "somebody lends");
  for (const { contract, accounts: own } of searchers) {
    const owner = own[0] as LocalAccount;
    const parameters = AbiCoder.defaultAbiCoder().encode(
      ["address", "address", "address"],
      [owner.address, lender.address, chain.wrappedNative],
    );
    const deployment = { nonce: 0, gasLimit: DEPLOY_GAS_LIMIT, data: bytecode + parameters.slice(2) };
    const raws = [sign(owner, CHAIN_ID, deployment).raw];
    for (const [slot, { address }] of own.entries()) {
      const data = setOperator.encodeFunctionData("setOperator", [address, true]);
      raws.push(sign(owner, CHAIN_ID, { nonce: slot + 1, to: contract, data, gasLimit: OPERATOR_GAS_LIMIT }).raw);
    }
    for (const raw of raws) await rpc.send("eth_sendRawTransaction", [raw]);
  }
  await builder.buildBlock({ withTraders: false });
  for (const { rule, contract } of searchers) {
    const code = await rpc.send<string>("eth_getCode", [contract, "latest"]);
    invariant(code.length > 2, `the contract of rival ${rule.name} is there`);
  }
}

/** Lets rivals compete for the builder's blocks from now on. The same seed, rules and states give the same bundles. */
export async function startRivals(options: {
  readonly rules: RivalRulesName;
  readonly seed: number;
  readonly chain: ChainConfig;
  readonly rpc: RpcClient;
  readonly builder: Builder;
}): Promise<readonly RivalFacts[]> {
  const { seed, chain, rpc, builder } = options;
  const rules: readonly RivalRule[] = RIVAL_RULES[options.rules];
  const searchers = rules.map(searcherOf);
  await settleIn(searchers, chain, { rpc, builder });

  const search: SearchOptions = { ...SEARCH, startToken: chain.wrappedNative };
  const stable = chain.tokens.flatMap(({ address, stable: isStable }) => (isStable === true ? [address] : []));
  const hubs: readonly string[] = [chain.wrappedNative, ...stable, ...HUBS];
  const others = chain.tokens.map(({ address }) => address).filter((address) => !hubs.includes(address));
  const begin = () => ({ watch: new PoolWatch(rpc, chain), rivals: new Rivals(seed, rules, { hubs, others, search }) });
  let seen = { branch: -1, ...begin() };

  const compete: RivalSource = async ({ head, branch, timestamp, baseFeePerGas }) => {
    // What a reorganisation took back is not undone by logs: they look at everything anew.
    if (branch !== seen.branch) seen = { branch, ...begin() };
    const { watch, rivals } = seen;
    const changed = await watch.follow(head, timestamp);
    rivals.look(watch.market, { number: head.number, changed });
    const block = head.number + 1;
    const choices = rivals.choices({ block, baseFeePerGas });
    if (choices.length === 0) return [];
    const nonces = await noncesOf(
      rpc,
      choices.map((choice) => accountOf(searchers, choice).address),
      "latest",
    );
    return choices.map((choice) => bundleOf(searchers, choice, { block, baseFeePerGas, startToken: chain.wrappedNative, nonces }));
  };
  // The first look at all pools takes a second or two: before anybody waits for a block.
  const { head } = builder;
  const first = await seen.watch.follow(head, head.timestamp + 1);
  seen.rivals.look(seen.watch.market, { number: head.number, changed: first });
  seen = { ...seen, branch: builder.branch };
  builder.admit(compete);
  return searchers.map(({ rule, contract, accounts }) => ({ name: rule.name, contract, senders: accounts.map(({ address }) => address) }));
}

const searcherFor = (searchers: readonly Searcher[], { rival }: RivalChoice): Searcher => searchers[rival] as Searcher;
const accountOf = (searchers: readonly Searcher[], choice: RivalChoice): LocalAccount =>
  searcherFor(searchers, choice).accounts[choice.place] as LocalAccount;

function bundleOf(
  searchers: readonly Searcher[],
  choice: RivalChoice,
  at: {
    readonly block: number;
    readonly baseFeePerGas: bigint;
    readonly startToken: Address;
    readonly nonces: ReadonlyMap<Address, number>;
  },
): Bundle {
  const { cycle, amounts, gas, priorityFeePerGas, minProfit } = choice;
  const account = accountOf(searchers, choice);
  const data = encodeExecute({
    executionId: id(`rival ${choice.rival} ${choice.place} in ${at.block}`),
    loanToken: at.startToken,
    loanAmount: amounts[0] as bigint,
    swaps: cycle.edges.map(({ pool, indexIn, indexOut }, hop) => ({
      call: pool.family.swapCall(pool.info, { indexIn, indexOut }),
      pool: pool.info.pool,
      tokenIn: pool.info.tokens[indexIn] as Address,
      tokenOut: pool.info.tokens[indexOut] as Address,
      amountIn: amounts[hop] as bigint,
      amountOut: amounts[hop + 1] as bigint,
    })),
    minProfit,
    builderPayment: 0n,
    validUntilBlock: BigInt(at.block),
  });
  const signed = sign(account, CHAIN_ID, {
    nonce: at.nonces.get(account.address) ?? 0,
    to: searcherFor(searchers, choice).contract,
    data,
    gasLimit: BigInt(gasLimitOf(gas)),
    maxFeePerGas: at.baseFeePerGas + priorityFeePerGas,
    maxPriorityFeePerGas: priorityFeePerGas,
  });
  return ownBundle({ ...signed, from: account.address }, at.block);
}
