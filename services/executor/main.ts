import type { ActorSpec } from "#libs/actor/run.ts";
import { Endpoints } from "#libs/evm/endpoints.ts";
import { callBundle, sendBundle } from "#libs/relays/flashbots.ts";
import type { Logger } from "#libs/telemetry/log.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant, RetryableError } from "#libs/units/invariant.ts";
import { openKeystore, type Signer } from "#libs/wallet/keystore.ts";
import { type Config, executor, fold, initialState, type Keys, type Reply, type Request, type State } from "#services/executor/actor.ts";
import { PAPER_CONTRACT, PAPER_WALLET, paperOverride, readReceipt, type StateOverride, simulate } from "#services/executor/chain-port.ts";
import { COMEBACK_BLOCKS, checkExecutorSettings, type ExecutorSettings, REORG_BLOCKS } from "#services/executor/config.ts";
import { practise } from "#services/executor/practice.ts";

/** Stream messages to look back over for blocks: enough to meet a reorganisation that happened while this actor was down. */
const LOOK_BACK = 4_096;
/** Signed transactions kept for sending: one is open at a time, a few more cover a busy restart. */
const KEPT_SIGNED = 16;

export async function executorSpec(settings: ExecutorSettings): Promise<ActorSpec<State, Config, Keys, Request, Reply>> {
  checkExecutorSettings(settings);
  const { chain, mode } = settings;
  const signer: Signer | null = mode === "paper" || settings.wallet === undefined ? null : await openKeystore(settings.wallet);
  const client = new Endpoints(settings.rpc, chain.key, { purpose: "simulation" });
  const submission = client.for("submission");
  const settlement = client.for("settlement");
  const wallet = signer?.address ?? PAPER_WALLET;
  const contract = chain.executorContract ?? PAPER_CONTRACT;
  const signed = new Map<string, `0x${string}`>();
  let override: StateOverride | undefined;
  // `leaseEpoch` is set once the lease is held, before the first input.
  const config = {
    chain: chain.key,
    chainId: chain.chainId,
    mode,
    wallet,
    contract,
    wrappedNative: chain.wrappedNative,
    leaseEpoch: 0,
    blockSeconds: Math.max(1, Math.round(chain.blockTimeMs / 1_000)),
    reorgBlocks: REORG_BLOCKS,
    comebackBlocks: COMEBACK_BLOCKS,
  };

  const readNonce = async () =>
    signer === null ? 0 : Number(await submission.send<string>("eth_getTransactionCount", [wallet, "latest"]));

  async function simulateAndSign({ planned, timestamp }: Extract<Request, { call: "simulate" }>): Promise<Reply> {
    const { executionId, blockHash, blockNumber, calldata, gasLimit } = planned;
    const call = { from: wallet, to: contract, data: calldata, gas: gasLimit };
    const transaction = await signer?.sign({
      chainId: chain.chainId,
      nonce: planned.nonce,
      to: contract,
      data: calldata as `0x${string}`,
      gasLimit: BigInt(gasLimit),
      maxFeePerGas: BigInt(planned.maxFeePerGas),
      maxPriorityFeePerGas: BigInt(planned.maxPriorityFeePerGas),
    });
    const relay = chain.relays[0];
    // Whoever has the signed transaction can send it: only live mode gives it away.
    const asRelayDoes =
      mode !== "live" || transaction === undefined || relay === undefined || signer === null
        ? null
        : () => callBundle(relay, signer, { transactions: [transaction.raw], targetBlock: planned.targetBlock });
    const outcome = await simulate(client, call, { blockHash, blockNumber, timestamp }, asRelayDoes, override);
    if (!outcome.ok) return { kind: "simulated", executionId, ...outcome };
    if (transaction !== undefined) {
      signed.set(executionId, transaction.raw);
      for (const old of [...signed.keys()].slice(0, -KEPT_SIGNED)) signed.delete(old);
    }
    return { kind: "simulated", executionId, ok: true, gasUsed: outcome.gasUsed, transactionHash: transaction?.hash ?? null };
  }

  /** A node that fails now is no reason not to start: the first block pays for it. */
  async function practice(log: Logger): Promise<void> {
    try {
      const block = await client.send<{ number: string; hash: string; timestamp: string }>("eth_getBlockByNumber", ["latest", false]);
      const head = {
        blockNumber: Number(block.number),
        blockHash: block.hash.toLowerCase(),
        timestamp: Number(block.timestamp),
        observedAtMs: Date.now(),
        epoch: 0,
      };
      await practise(config, head, simulateAndSign);
    } catch (cause) {
      if (!(cause instanceof RetryableError)) throw cause;
      log.warn({ cause: cause.message }, "not practised");
    }
    signed.clear();
  }

  async function submit({ executionId, targetBlock }: Extract<Request, { call: "submit" }>): Promise<Reply> {
    const raw = signed.get(executionId);
    invariant(signer !== null && raw !== undefined, `execution ${executionId} is to be sent but was not signed`);
    const answers = await Promise.all(
      chain.relays.map(async (relay) => ({
        relay,
        answer: await sendBundle(relay, signer, { transactions: [raw], targetBlock }),
        atMs: Date.now(),
      })),
    );
    return {
      kind: "submitted",
      executionId,
      accepted: answers.flatMap(({ relay, answer, atMs }) =>
        answer.ok ? [{ relay: relay.name, bundleHash: answer.value.bundleHash, atMs }] : [],
      ),
      refused: answers.flatMap(({ answer }) => (!answer.ok && answer.error.code === "refused" ? [answer.error.detail] : [])),
      unanswered: answers.flatMap(({ answer }) => (!answer.ok && answer.error.code === "unreachable" ? [answer.error.detail] : [])),
    };
  }

  return {
    actor: executor,
    config,
    chain: chain.key,
    instance: `executor-${chain.key}-${wallet}`,
    lease: `executor.${chain.key}.${wallet}`,
    async boot({ bus, log, leaseEpoch }) {
      await client.check(chain, (cause) => log.warn({ cause: cause.message }, "endpoint does not answer"));
      config.leaseEpoch = leaseEpoch;
      if (chain.executorContract === undefined)
        override = await paperOverride(client, asAddress(chain.flashLenders[0]?.address as string), chain.wrappedNative);
      let state = initialState(await readNonce());
      for await (const message of bus.read("MONEY", chain.key)) {
        if (message?.meta.subject.endsWith(`.${wallet}`)) state = fold(state, message.body, config);
      }
      // What the replay says of the nonce is older than what the chain says.
      state = { ...state, nonce: await readNonce() };
      await practice(log);
      const market = await bus.lastSequence("MARKET", chain.key);
      const decisions = await bus.lastSequence("DECISIONS", chain.key);
      return {
        state,
        inputs: [
          {
            stream: "MARKET",
            chain: chain.key,
            keys: ["blockObserved", "blockReorged"],
            tokens: { chain: chain.key },
            startSequence: Math.max(1, market - LOOK_BACK),
          },
          // Opportunities of blocks that have passed are worth nothing: only what comes from now on.
          {
            stream: "DECISIONS",
            chain: chain.key,
            keys: ["cycleFound", "opportunityScored"],
            tokens: { chain: chain.key },
            startSequence: decisions + 1,
          },
        ],
      };
    },
    async call(request): Promise<Reply> {
      switch (request.call) {
        case "simulate":
          return simulateAndSign(request);
        case "submit":
          return submit(request);
        case "read-receipt":
          return {
            kind: "receipt-read",
            executionId: request.executionId,
            receipt: await readReceipt(settlement, request.transactionHash),
            at: request.at,
          };
        case "read-nonce":
          return { kind: "nonce-read", nonce: await readNonce() };
      }
    },
    close: () => client.close(),
  };
}
