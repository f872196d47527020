/**
 * The local chain as its own process, so that building blocks never waits for whoever uses them. Started by `client.ts`; ends when its parent does.
 *
 * Settings come in the environment, everything else over IPC; see protocol.ts.
 */

import { asAddress } from "#libs/units/brand.ts";
import { InvariantError, invariant, UserError } from "#libs/units/invariant.ts";
import { type InProcessLocalnet, type LocalnetFacts, type LocalnetSettings, startLocalnet } from "./index.ts";
import { type Command, faultOf, type Report, type Request, SETTINGS_VARIABLE } from "./protocol.ts";

function report(message: Report): void {
  // A parent that is gone cannot be told; the disconnect ends us anyway.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

function settings(): LocalnetSettings {
  const text = process.env[SETTINGS_VARIABLE];
  if (text === undefined || process.send === undefined) {
    throw new UserError("this process is started by its client", "use LocalnetProcess of libs/localnet/client.ts");
  }
  return JSON.parse(text) as LocalnetSettings;
}

async function execute(net: InProcessLocalnet, command: Command): Promise<unknown> {
  switch (command.name) {
    case "addOperator":
      return net.addOperator(asAddress(command.operator));
    case "fund":
      return net.fund(asAddress(command.address), command.amountWei);
    case "start":
      return net.startTrading();
    case "stop":
      return net.stopTrading();
    case "mine":
      return net.mineBlock();
    case "reorg":
      return net.reorg(command.depth);
    default:
      throw new InvariantError(`unknown command ${JSON.stringify(command satisfies never)}`);
  }
}

function factsOf(net: InProcessLocalnet): LocalnetFacts {
  const { chain, rpcUrl, wsUrl, relayUrl, loadedBlock, firstTradingBlock, owner, marketContract, rivals, poolCounts, leftOut } = net;
  return { chain, rpcUrl, wsUrl, relayUrl, loadedBlock, firstTradingBlock, owner, marketContract, rivals, poolCounts, leftOut };
}

async function main(): Promise<void> {
  const options = settings();
  const abort = new AbortController();
  let net: InProcessLocalnet | undefined;
  const end = (exitCode: number): void => {
    abort.abort();
    const stopped = net?.stop() ?? Promise.resolve();
    // Without a chain yet, the aborted start below stops what it had begun and lets the process end.
    void stopped.finally(() => {
      process.exitCode = exitCode;
      if (process.connected) process.disconnect();
    });
  };
  process.on("disconnect", () => end(0));
  process.on("SIGTERM", () => end(0));
  // An interrupt typed at a terminal goes to the parent too: it decides what ends first.
  process.on("SIGINT", () => {});

  try {
    net = await startLocalnet({ ...options, signal: abort.signal, onProgress: (progress) => report({ kind: "progress", progress }) });
  } catch (error) {
    if (!abort.signal.aborted) report({ kind: "fault", fault: faultOf(error) });
    return end(abort.signal.aborted ? 0 : 1);
  }
  const running = net;
  if (abort.signal.aborted) return end(0);
  running.onFault((error) => {
    report({ kind: "fault", fault: faultOf(error) });
    end(1);
  });
  running.onBlock((block) => report({ kind: "block", block }));
  process.on("message", (request: Request) => {
    execute(running, request.command).then(
      (result) => report({ kind: "reply", id: request.id, result }),
      (error: unknown) => report({ kind: "reply", id: request.id, fault: faultOf(error) }),
    );
  });
  report({ kind: "ready", facts: factsOf(running) });
}

invariant(import.meta.main, "process.ts is a program; import index.ts or client.ts instead");
await main();
