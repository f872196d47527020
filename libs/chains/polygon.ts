import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const polygon: ChainConfig = {
  key: "polygon",
  chainId: 137,
  name: "Polygon PoS",
  nativeSymbol: "POL",
  wrappedNative: asAddress("0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WPOL", decimals: 18, address: asAddress("0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270") },
    { symbol: "USDC", decimals: 6, address: asAddress("0x3c499c542cef5e3811e1192ce70d8cc03d5c3359") },
    { symbol: "USDC.e", decimals: 6, address: asAddress("0x2791bca1f2de4661ed88a30c99a7a9449aa84174") },
    { symbol: "USDT", decimals: 6, address: asAddress("0xc2132d05d31c914a87c6611c10748aeb04b58e8f") },
    { symbol: "DAI", decimals: 18, address: asAddress("0x8f3cf7ad23cd3cadbd9735aff958023239c6a063") },
    { symbol: "WETH", decimals: 18, address: asAddress("0x7ceb23fd6bc0add59e62ac25578270cff1b9f619") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x1bfd67037b42cf73acf2047067bd4f2c47d9bfd6") },
    { symbol: "LINK", decimals: 18, address: asAddress("0x53e0bca35ec356bd5dddfebbd1fc0fd03fabad39") },
    { symbol: "AAVE", decimals: 18, address: asAddress("0xd6df932a45c0f255f85145f286ea0b292b21c90b") },
  ],
  dexes: [
    {
      id: "uniswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x9e5a52f57b3038f1b8eee45f28b3c1967e22799c"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; Uniswap/contracts:deployments/json/137.json; hummingbot/gateway:src/connectors/uniswap/uniswap.contracts.ts; DefiLlama/DefiLlama-Adapters:projects/uniswap-v2/index.js",
    },
    {
      id: "sushiswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xc35dadb65012ec5796536bd9864ed8773abc74c4"),
      deployBlock: 11333218,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/sushiswap/config/deployments/sushiswap-polygon/configurations.json",
    },
    {
      id: "apeswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xcf083be4164828f00cae704ec15a36d711491284"),
      deployBlock: 15298800,
      feeBps: 20,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/apeswap/config/deployments/apeswap-polygon/configurations.json; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
    {
      id: "quickswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x5757371414417b8c6caad45baef941abc7d3ab32"),
      deployBlock: 4931780,
      feeBps: 30,
      source:
        "DefiLlama/DefiLlama-Adapters:projects/dexpad/config.js; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/quickswap/config/deployments/quickswap-polygon/configurations.json; npm:quickswap-sdk@3.0.43:dist/quickswap-sdk.esm.js",
    },
    {
      id: "dfyn-v2",
      family: "uniswap-v2",
      factory: asAddress("0xe7fb3e833efe5f9c441105eb65ef8b261266423b"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/dfyn.js; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x1f98431c8ad98523631ae4a59f267346ea31f984"),
      deployBlock: 22757547,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks/protocols/uniswap-v3/config/deployments/uniswap-v3-polygon/configurations.json; Uniswap/contracts:deployments/json/137.json",
    },
    {
      id: "sushiswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x917933899c6a5f8e37f31e19f92cdbff7e8ff0e2"),
      deployBlock: 41024971,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks/protocols/sushiswap-v3/config/deployments/sushiswap-v3-polygon/configurations.json; DefiLlama/DefiLlama-Adapters:projects/sushiswap-v3/index.js",
    },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
};
