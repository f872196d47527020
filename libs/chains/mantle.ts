import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const mantle: ChainFacts = {
  key: "mantle",
  chainId: 5000,
  name: "Mantle",
  nativeSymbol: "MNT",
  wrappedNative: asAddress("0x78c1b0c915c4faa5fffa6cabf0219da63d7f4cb8"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WMNT", decimals: 18, address: asAddress("0x78c1b0c915c4faa5fffa6cabf0219da63d7f4cb8") },
    { symbol: "USDC", decimals: 6, address: asAddress("0x09bc4e0d864854c6afb6eb9a9cdf58ac190d0df9") },
    { symbol: "USDT", decimals: 6, address: asAddress("0x201eba5cc46d216ce6dc03f6a759e8e766e956ae") },
    { symbol: "WETH", decimals: 18, address: asAddress("0xdeaddeaddeaddeaddeaddeaddeaddeaddead1111") },
    { symbol: "mETH", decimals: 18, address: asAddress("0xcda86a272531e8640cd7f1a92c01839911b90bb0") },
    { symbol: "USDe", decimals: 18, address: asAddress("0x5d3a1ff2b6bab83b63cd9ad0787074081a52ef34") },
    { symbol: "FBTC", decimals: 8, address: asAddress("0xc96de26018a54d51c097160568752c4e3bd6c364") },
  ],
  flashLenders: [],
  relays: [],
};
