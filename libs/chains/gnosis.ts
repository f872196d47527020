import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const gnosis: ChainFacts = {
  key: "gnosis",
  chainId: 100,
  name: "Gnosis",
  nativeSymbol: "XDAI",
  wrappedNative: asAddress("0xe91d153e0b41518a2ce8dd3d7944fa863463a97d"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 5000,
  tokens: [
    { symbol: "WXDAI", decimals: 18, stable: true, address: asAddress("0xe91d153e0b41518a2ce8dd3d7944fa863463a97d") },
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0xddafbb505ad214d7b80b1f830fccc89b60fb7a83") },
    { symbol: "USDC.e", decimals: 6, stable: true, address: asAddress("0x2a22f9c3b484c3629090feed35f17ff8f88f76f0") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0x4ecaba5870353805a9f068101a40e0f32ed605c6") },
    { symbol: "WETH", decimals: 18, address: asAddress("0x6a023ccd1ff6f2045c3309768ead9e68f978f6e1") },
    { symbol: "GNO", decimals: 18, address: asAddress("0x9c58bacc331c9aa871afd802db6379a98e80cedb") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0x6c76971f98945ae98dd7d4dfca8711ebea946ea6") },
    { symbol: "EURe", decimals: 18, address: asAddress("0xcb444e90d8198415266c6a2724b7900fb12fc56e") },
    { symbol: "sDAI", decimals: 18, address: asAddress("0xaf204776c7245bf4147c2612bf6e5972ee483701") },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0xe91d153e0b41518a2ce8dd3d7944fa863463a97d"),
      address: asAddress("0x678df3415fc31947da4324ec63212874be5a82f8"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/gnosis-chain.json, DAI / USD",
    },
    {
      token: asAddress("0xddafbb505ad214d7b80b1f830fccc89b60fb7a83"),
      address: asAddress("0x26c31ac71010af62e6b486d1132e266d6298857d"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/gnosis-chain.json, USDC / USD",
    },
    {
      token: asAddress("0x4ecaba5870353805a9f068101a40e0f32ed605c6"),
      address: asAddress("0x68811d7df835b1c33e6eeae8e7c141ef48d48cc7"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/gnosis-chain.json, USDT / USD",
    },
  ],
};
