import { randomInt } from "node:crypto";
import { type AddressInfo, createServer } from "node:net";

async function tryListen(port: number): Promise<number | null> {
  const server = createServer();
  const listening = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (!listening) return null;
  const bound = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return bound;
}

/** Below the ports that systems give to outgoing connections (Linux: from 32,768 on): what is free there stays free until somebody wants that very port. */
const LOWEST = 15_000;
const HIGHEST = 32_000;
const TRIES = 100;

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(LOWEST, HIGHEST);
    if ((await tryListen(port)) !== null) return port;
  }
  throw new Error("no free loopback port");
}

export async function isPortFree(port: number): Promise<boolean> {
  return (await tryListen(port)) !== null;
}
