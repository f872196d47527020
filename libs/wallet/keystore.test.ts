import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { keccak256, Transaction, verifyMessage, Wallet } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asAddress } from "#libs/units/brand.ts";
import { UserError } from "#libs/units/invariant.ts";
import { createKeystore, openKeystore, type Signer, type TransactionRequest } from "#libs/wallet/keystore.ts";

const PASSWORD = "correct horse battery staple";
/** Guessing is not what is tested here. */
const SCRYPT_N = 2 ** 10;

const directory = mkdtempSync(join(tmpdir(), "hs-keystore-"));
const files = { keystoreFile: join(directory, "wallet.json"), passwordFile: join(directory, "password") };
const request: TransactionRequest = {
  chainId: 8453,
  nonce: 12,
  to: asAddress(`0x${"cd".repeat(20)}`),
  data: "0x01020304",
  gasLimit: 500_000n,
  maxFeePerGas: 30_000_000_001n,
  maxPriorityFeePerGas: 100_000_000n,
};
let signer: Signer;
let address: string;
let key: string;

beforeAll(async () => {
  const created = await createKeystore(PASSWORD, SCRYPT_N);
  address = created.address;
  key = Wallet.fromEncryptedJsonSync(created.json, PASSWORD).privateKey;
  writeFileSync(files.keystoreFile, created.json);
  writeFileSync(files.passwordFile, `${PASSWORD}\n`);
  signer = await openKeystore(files);
});
afterAll(() => rmSync(directory, { recursive: true }));

const passwordFile = (text: string): string => {
  const file = join(directory, "other-password");
  writeFileSync(file, text);
  return file;
};

/** Everything that a log line or a debugger would show of a value, its causes included. */
function shown(value: unknown): string {
  const seen = new Set<unknown>();
  const texts: string[] = [inspect(value, { depth: 20, showHidden: true, getters: true })];
  for (let at = value; at instanceof Error && !seen.has(at); at = at.cause) {
    seen.add(at);
    texts.push(at.message, String(at.stack), inspect(Object.entries(at), { depth: 20 }));
  }
  return texts.join("\n").toLowerCase();
}

async function failureOf(attempt: Promise<unknown>): Promise<unknown> {
  try {
    await attempt;
  } catch (cause) {
    return cause;
  }
  throw new Error("it did not fail");
}

test("what was created opens with its password and has the same address", () => {
  expect(signer.address).toBe(address);
});

test("two keystores are two wallets", async () => {
  expect((await createKeystore(PASSWORD, SCRYPT_N)).address).not.toBe(address);
});

test.each([PASSWORD, `${PASSWORD}\n`, `${PASSWORD}\r\n`, `${PASSWORD}\n\n`, `${PASSWORD}\nwritten by hand\n`])(
  "the password is the first line of its file: %j",
  async (text) => {
    expect((await openKeystore({ ...files, passwordFile: passwordFile(text) })).address).toBe(address);
  },
);

test("a signed transaction is of the wallet, and says what was asked for", async () => {
  const { raw, hash } = await signer.sign(request);
  const parsed = Transaction.from(raw);
  expect(parsed.from?.toLowerCase()).toBe(address);
  expect(parsed.hash).toBe(hash);
  expect(keccak256(raw)).toBe(hash);
  expect(parsed.toJSON()).toMatchObject({
    type: 2,
    chainId: "8453",
    nonce: 12,
    data: "0x01020304",
    value: "0",
    gasLimit: "500000",
    maxFeePerGas: "30000000001",
    maxPriorityFeePerGas: "100000000",
  });
  expect(parsed.to?.toLowerCase()).toBe(request.to);
});

test("the same request gives the same bytes, from another process too", async () => {
  const { raw } = await signer.sign(request);
  expect((await signer.sign({ ...request })).raw).toBe(raw);
  expect((await (await openKeystore(files)).sign(request)).raw).toBe(raw);
  expect((await signer.sign({ ...request, nonce: 13 })).raw).not.toBe(raw);
});

test("the identity towards relays is another address, the same every time", async () => {
  expect(signer.identity.address).not.toBe(address);
  expect((await openKeystore(files)).identity.address).toBe(signer.identity.address);
  const signature = await signer.identity.signMessage("hello");
  expect(verifyMessage("hello", signature).toLowerCase()).toBe(signer.identity.address);
});

test("a wrong password is one line with its remedy", async () => {
  const failure = await failureOf(openKeystore({ ...files, passwordFile: passwordFile("wrong") }));
  expect(failure).toBeInstanceOf(UserError);
  expect((failure as UserError).message).toContain(files.keystoreFile);
  expect((failure as UserError).remedy).toContain("password file");
});

test("a missing file, and one that is no keystore, are named", async () => {
  const missing = await failureOf(openKeystore({ ...files, keystoreFile: join(directory, "nowhere.json") }));
  expect(missing).toBeInstanceOf(UserError);
  expect((missing as UserError).message).toContain("nowhere.json");
  const unread = await failureOf(openKeystore({ ...files, passwordFile: join(directory, "nobody") }));
  expect((unread as UserError).message).toContain("password file");
  const broken = join(directory, "broken.json");
  writeFileSync(broken, "{}");
  expect(await failureOf(openKeystore({ ...files, keystoreFile: broken }))).toBeInstanceOf(UserError);
});

test("neither the signer nor anything it throws shows a key or a password", async () => {
  const failures = await Promise.all([
    failureOf(openKeystore({ ...files, passwordFile: passwordFile("wrong password of mine") })),
    failureOf(signer.sign({ ...request, nonce: -1 })),
    failureOf(signer.sign({ ...request, to: "0x12" as typeof request.to })),
    failureOf(signer.sign({ ...request, data: "0xzz" as `0x${string}` })),
  ]);
  const identityKey = new RegExp(key.slice(2), "i");
  for (const value of [signer, ...failures]) {
    const text = shown(value);
    expect(text).not.toMatch(identityKey);
    expect(text).not.toContain(PASSWORD);
    expect(text).not.toContain("wrong password of mine");
    expect(text).not.toContain("privatekey");
    expect(text).not.toContain("signingkey");
  }
  expect(JSON.stringify(signer)).not.toMatch(identityKey);
});
