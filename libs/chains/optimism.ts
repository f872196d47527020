import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const optimism: ChainConfig = {
  key: "optimism",
  chainId: 10,
  name: "OP Mainnet",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x4200000000000000000000000000000000000006"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x4200000000000000000000000000000000000006") },
    { symbol: "USDC", decimals: 6, address: asAddress("0x0b2c639c533813f4aa9d7837caf62653d097ff85") },
    { symbol: "USDC.e", decimals: 6, address: asAddress("0x7f5c764cbc14f9669b88837ca1490cca17c31607") },
    { symbol: "USDT", decimals: 6, address: asAddress("0x94b008aa00579c1307b0ef2c499ad98a8ce58e58") },
    { symbol: "DAI", decimals: 18, address: asAddress("0xda10009cbd5d07dd0cecc66161fc93d7c9000da1") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x68f180fcce6836688e9084f035309e29bf0a2095") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0x1f32b1c2345538c0c6f582fcb022739c4a194ebb") },
    { symbol: "OP", decimals: 18, address: asAddress("0x4200000000000000000000000000000000000042") },
    { symbol: "VELO", decimals: 18, address: asAddress("0x9560e827af36c94d2ac33a39bce1fe78631088db") },
    { symbol: "LINK", decimals: 18, address: asAddress("0x350a791bfc2c21f9ed5d10980dad2e2638ffa7f6") },
    { symbol: "SNX", decimals: 18, address: asAddress("0x8700daec35af8ff88c16bdf0418774cb3d7599b4") },
  ],
  dexes: [
    {
      id: "uniswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x0c3c1c532f1e39edf36be9fe0be1410313e074bf"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; Uniswap/contracts:deployments/json/10.json; hummingbot/gateway:src/connectors/uniswap/uniswap.contracts.ts; DefiLlama/DefiLlama-Adapters:projects/uniswap-v2/index.js",
    },
    {
      id: "sushiswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xfbc12984689e5f15626bad03ad60160fe98b303c"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; npm:sushi@4.2.1:config/features/sushiswap-v2.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x1f98431c8ad98523631ae4a59f267346ea31f984"),
      deployBlock: 0,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks-swap/protocols/uniswap-v3-swap/config/deployments/uniswap-v3-swap-optimism/configurations.json; Uniswap/contracts:deployments/json/10.json",
    },
    {
      id: "sushiswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x9c6522117e2ed1fe5bdb72bb0ed5e3f2bde7dbe0"),
      deployBlock: 85432013,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks/protocols/sushiswap-v3/config/deployments/sushiswap-v3-optimism/configurations.json; DefiLlama/DefiLlama-Adapters:projects/sushiswap-v3/index.js",
    },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
};
