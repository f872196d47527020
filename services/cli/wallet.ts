import { readFileSync, writeFileSync } from "node:fs";
import { UserError } from "#libs/units/invariant.ts";
import { createKeystore } from "#libs/wallet/keystore.ts";

/** Shorter ones fall to guessing whatever the work factor. */
const SHORTEST_PASSWORD = 12;

export async function createWallet(file: string, passwordFile: string): Promise<void> {
  let password: string;
  try {
    password = readFileSync(passwordFile, "utf8").split(/\r?\n/)[0] ?? "";
  } catch (cause) {
    throw new UserError(
      `cannot read the password file ${passwordFile}: ${(cause as Error).message}`,
      "write the password into a file that only you can read, and name it with --password-file",
      { cause },
    );
  }
  if (password.length < SHORTEST_PASSWORD)
    throw new UserError(`the password has fewer than ${SHORTEST_PASSWORD} characters`, "choose a longer one");
  const { address, json } = await createKeystore(password);
  try {
    writeFileSync(file, json, { mode: 0o600, flag: "wx" });
  } catch (cause) {
    throw new UserError(
      `cannot write ${file}: ${(cause as Error).message}`,
      "name a file that does not exist yet, in a folder you may write to",
      { cause },
    );
  }
  process.stdout.write(`${address}\n`);
}
