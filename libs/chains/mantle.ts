import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const mantle: ChainConfig = {
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
  dexes: [
    {
      id: "merchant-moe-v1",
      family: "uniswap-v2",
      factory: asAddress("0x5bef015ca9424a7c07b68490616a4c1f094bedec"),
      deployBlock: 29969727,
      feeBps: 30,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x0d922fb1bc191f64970ac40376643808b4b74df9"),
      deployBlock: 63795918,
      source:
        "duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; DefiLlama/DefiLlama-Adapters:projects/uniswap/index.js; npm:sushi@4.2.1:config/features/uniswap-v3.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV3.ts",
    },
  ],
  flashLenders: [],
  relays: [],
};
