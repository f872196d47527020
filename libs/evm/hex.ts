/** Fixed-layout access to ABI-encoded hex: word i of `data` is the 32 bytes at 2 + 64·i. Hot paths read these instead of a general decoder. */
export const wordAt = (data: string, index: number): string => data.slice(2 + 64 * index, 66 + 64 * index);
export const uintAt = (data: string, index: number): bigint => BigInt(`0x${wordAt(data, index)}`);
export const intAt = (data: string, index: number): bigint => BigInt.asIntN(256, uintAt(data, index));
export const addressAt = (data: string, index: number): string => `0x${data.slice(26 + 64 * index, 66 + 64 * index)}`;
/** An int24 that a topic or word holds sign-extended. */
export const int24Of = (word: string): number => (Number.parseInt(word.slice(-6), 16) << 8) >> 8;
export const addressOfTopic = (topic: string): string => `0x${topic.slice(26)}`;
export const padWord = (value: bigint): string => value.toString(16).padStart(64, "0");
export const toHex = (value: number | bigint): `0x${string}` => `0x${value.toString(16)}`;
export const addressWord = (address: string): string => address.slice(2).toLowerCase().padStart(64, "0");
/** Whether a call answered with at least one word. */
export const isWord = (answer: string | null | undefined): answer is string => typeof answer === "string" && answer.length >= 66;
