import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const base: ChainConfig = {
  key: "base",
  chainId: 8453,
  name: "Base",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x4200000000000000000000000000000000000006"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x4200000000000000000000000000000000000006") },
    { symbol: "USDC", decimals: 6, address: asAddress("0x833589fcd6edb6e08f4c7c32d4f71b54bda02913") },
    { symbol: "USDbC", decimals: 6, address: asAddress("0xd9aaec86b65d86f6a7b5b1b0c42ffa531710b6ca") },
    { symbol: "DAI", decimals: 18, address: asAddress("0x50c5725949a6f0c72e6c4a641f24049a917db0cb") },
    { symbol: "cbETH", decimals: 18, address: asAddress("0x2ae3f1ec7f1f5012cfeab0185bfc7aa3cf0dec22") },
    { symbol: "cbBTC", decimals: 8, address: asAddress("0xcbb7c0000ab88b473b1f5afd9ef808440eed33bf") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0xc1cba3fcea344f92d9239c08c0568f6f2f0ee452") },
    { symbol: "AERO", decimals: 18, address: asAddress("0x940181a94a35a4569e4529a3cdfb74e38fd98631") },
    { symbol: "USDT", decimals: 6, address: asAddress("0xfde4c96c8593536e31f229ea8f37b2ada2699bb2") },
  ],
  dexes: [
    {
      id: "uniswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x8909dc15e40173ff4699343b6eb8132c65e18ec6"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; Uniswap/contracts:deployments/json/8453.json; hummingbot/gateway:src/connectors/uniswap/uniswap.contracts.ts",
    },
    {
      id: "sushiswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x71524b4f93c58fcbf659783284e38825f0622859"),
      deployBlock: 2631214,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; npm:sushi@4.2.1:config/features/sushiswap-v2.ts",
    },
    {
      id: "pancakeswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x02a84c1b3bbd7401a5f7fa98a384ebc70bb5749e"),
      deployBlock: 2910387,
      feeBps: 25,
      source:
        "bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; hummingbot/gateway:src/connectors/pancakeswap/pancakeswap.contracts.ts; DefiLlama/dimension-adapters:dexs/pancakeswap-v2.ts",
    },
    {
      id: "baseswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xfda619b6d20975be80a10332cd39b9a4b0faa8bb"),
      deployBlock: 2059124,
      feeBps: 25,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/baseswap/config/deployments/baseswap-base/configurations.json",
    },
    {
      id: "swapbased-v2",
      family: "uniswap-v2",
      factory: asAddress("0x04c9f118d21e8b767d2e50c946f0cc9f6c367300"),
      deployBlock: 1972292,
      feeBps: 30,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
    {
      id: "quickswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xec6540261aaae13f236a032d454dc9287e52e56a"),
      deployBlock: 0,
      feeBps: 30,
      source: "DefiLlama/DefiLlama-Adapters:projects/quickswap/index.js; npm:quickswap-sdk@3.0.43:dist/quickswap-sdk.esm.js",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x33128a8fc17869897dce68ed026d694621f6fdfd"),
      deployBlock: 1371680,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks-swap/protocols/uniswap-v3-swap/config/deployments/uniswap-v3-swap-base/configurations.json",
    },
    {
      id: "sushiswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0xc35dadb65012ec5796536bd9864ed8773abc74c4"),
      deployBlock: 1759510,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks-swap/protocols/sushiswap-v3-swap/config/deployments/sushiswap-v3-swap-base/configurations.json",
    },
    {
      id: "alienbase-v3",
      family: "uniswap-v3",
      factory: asAddress("0x0fd83557b2be93617c9c1c1b6fd549401c74558c"),
      deployBlock: 7150708,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV3.ts",
    },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
};
