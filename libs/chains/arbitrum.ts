import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const arbitrum: ChainConfig = {
  key: "arbitrum",
  chainId: 42161,
  name: "Arbitrum One",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x82af49447d8a07e3bd95bd0d56f35241523fbab1"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 250,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x82af49447d8a07e3bd95bd0d56f35241523fbab1") },
    { symbol: "USDC", decimals: 6, address: asAddress("0xaf88d065e77c8cc2239327c5edb3a432268e5831") },
    { symbol: "USDC.e", decimals: 6, address: asAddress("0xff970a61a04b1ca14834a43f5de4533ebddb5cc8") },
    { symbol: "USDT", decimals: 6, address: asAddress("0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9") },
    { symbol: "DAI", decimals: 18, address: asAddress("0xda10009cbd5d07dd0cecc66161fc93d7c9000da1") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x2f2a2543b76a4166549f7aab2e75bef0aefc5b0f") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0x5979d7b546e38e414f7e9822514be443a4800529") },
    { symbol: "ARB", decimals: 18, address: asAddress("0x912ce59144191c1204e64559fe8253a0e49e6548") },
    { symbol: "LINK", decimals: 18, address: asAddress("0xf97f4df75117a78c1a5a0dbb814af92458539fb4") },
    { symbol: "GMX", decimals: 18, address: asAddress("0xfc5a1a6eb076a2c7ad06ed22c90d7e710e35ad0a") },
  ],
  dexes: [
    {
      id: "uniswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xf1d7cc64fb4452f05c498126312ebe29f30fbcf9"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; Uniswap/contracts:deployments/json/42161.json; hummingbot/gateway:src/connectors/uniswap/uniswap.contracts.ts; DefiLlama/DefiLlama-Adapters:projects/uniswap-v2/index.js; npm:sushi@4.2.1:config/features/uniswap-v2.ts",
    },
    {
      id: "sushiswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xc35dadb65012ec5796536bd9864ed8773abc74c4"),
      deployBlock: 70,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
    {
      id: "pancakeswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x02a84c1b3bbd7401a5f7fa98a384ebc70bb5749e"),
      deployBlock: 101022992,
      feeBps: 25,
      source:
        "bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; hummingbot/gateway:src/connectors/pancakeswap/pancakeswap.contracts.ts; DefiLlama/dimension-adapters:dexs/pancakeswap-v2.ts; npm:sushi@4.2.1:config/features/pancakeswap-v2.ts",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x1f98431c8ad98523631ae4a59f267346ea31f984"),
      deployBlock: 165,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks/protocols/uniswap-v3/config/deployments/uniswap-v3-arbitrum/configurations.json",
    },
    {
      id: "sushiswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x1af415a1eba07a4986a52b6f2e7de7003d82231e"),
      deployBlock: 75998697,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks/protocols/sushiswap-v3/config/deployments/sushiswap-v3-arbitrum/configurations.json",
    },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
};
