import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const bsc: ChainConfig = {
  key: "bsc",
  chainId: 56,
  name: "BNB Smart Chain",
  nativeSymbol: "BNB",
  wrappedNative: asAddress("0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 750,
  tokens: [
    { symbol: "WBNB", decimals: 18, address: asAddress("0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c") },
    { symbol: "USDT", decimals: 18, address: asAddress("0x55d398326f99059ff775485246999027b3197955") },
    { symbol: "USDC", decimals: 18, address: asAddress("0x8ac76a51cc950d9822d68b83fe1ad97b32cd580d") },
    { symbol: "BUSD", decimals: 18, address: asAddress("0xe9e7cea3dedca5984780bafc599bd69add087d56") },
    { symbol: "FDUSD", decimals: 18, address: asAddress("0xc5f0f7b66764f6ec8c8dff7ba683102295e16409") },
    { symbol: "ETH", decimals: 18, address: asAddress("0x2170ed0880ac9a755fd29b2688956bd959f933f8") },
    { symbol: "BTCB", decimals: 18, address: asAddress("0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c") },
    { symbol: "CAKE", decimals: 18, address: asAddress("0x0e09fabb73bd3ade0a17ecc321fd13a19e81ce82") },
    { symbol: "DAI", decimals: 18, address: asAddress("0x1af3f329e8be154074d8769d1ffa4ee058b1dbc3") },
  ],
  dexes: [
    {
      id: "uniswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x8909dc15e40173ff4699343b6eb8132c65e18ec6"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; Uniswap/contracts:deployments/json/56.json; hummingbot/gateway:src/connectors/uniswap/uniswap.contracts.ts; DefiLlama/DefiLlama-Adapters:projects/uniswap-v2/index.js",
    },
    {
      id: "sushiswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xc35dadb65012ec5796536bd9864ed8773abc74c4"),
      deployBlock: 5205069,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/sushiswap/config/deployments/sushiswap-bsc/configurations.json; npm:sushi@4.2.1:config/features/sushiswap-v2.ts",
    },
    {
      id: "pancakeswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xca143ce32fe78f1f7019d7d551a6402fc5350c73"),
      deployBlock: 6809737,
      feeBps: 25,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks-swap/protocols/pancakeswap-v2-swap/config/deployments/pancakeswap-v2-swap-bsc/configurations.json; hummingbot/gateway:src/connectors/pancakeswap/pancakeswap.contracts.ts",
    },
    {
      id: "apeswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x0841bd0b734e4f5853f0dd8d7ea041c241fb0da6"),
      deployBlock: 4855900,
      feeBps: 20,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/apeswap/config/deployments/apeswap-bsc/configurations.json; sushi-labs/sushiswap:packages/sushi/src/router/liquidity-providers/ApeSwap.ts",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0xdb1d10011ad0ff90774d0c6bb92e5c5c8b4461f7"),
      deployBlock: 26324014,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks/protocols/uniswap-v3/config/deployments/uniswap-v3-bsc/configurations.json; Uniswap/contracts:deployments/json/56.json",
    },
    {
      id: "sushiswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x126555dd55a39328f69400d6ae4f782bd4c34abb"),
      deployBlock: 26976538,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks/protocols/sushiswap-v3/config/deployments/sushiswap-v3-bsc/configurations.json; DefiLlama/DefiLlama-Adapters:projects/sushiswap-v3/index.js",
    },
  ],
  flashLenders: [],
  relays: [],
};
