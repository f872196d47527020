import { keccak256 } from "ethers";

/** The three bits of a topic in a 2048-bit logs bloom. Source: Ethereum yellow paper, section 4.3.1, M3:2048. */
function bitsOf(topic: string): number[] {
  const hash = keccak256(topic);
  return [0, 1, 2].map((pair) => Number.parseInt(hash.slice(2 + 4 * pair, 6 + 4 * pair), 16) & 0x7ff);
}

const cache = new Map<string, number[]>();

/** False: no log with this topic is in the block. True: probably one is. `bloom` is 0x-prefixed, 256 bytes. */
export function bloomHas(bloom: string, topic: string): boolean {
  let bits = cache.get(topic);
  if (bits === undefined) {
    bits = bitsOf(topic);
    cache.set(topic, bits);
  }
  return bits.every((bit) => {
    const nibble = Number.parseInt(bloom[2 + 511 - (bit >> 2)] as string, 16);
    return (nibble & (1 << (bit & 3))) !== 0;
  });
}
