import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const gnosis: ChainConfig = {
  key: "gnosis",
  chainId: 100,
  name: "Gnosis",
  nativeSymbol: "XDAI",
  wrappedNative: asAddress("0xe91d153e0b41518a2ce8dd3d7944fa863463a97d"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 5000,
  tokens: [
    { symbol: "WXDAI", decimals: 18, address: asAddress("0xe91d153e0b41518a2ce8dd3d7944fa863463a97d") },
    { symbol: "USDC", decimals: 6, address: asAddress("0xddafbb505ad214d7b80b1f830fccc89b60fb7a83") },
    { symbol: "USDC.e", decimals: 6, address: asAddress("0x2a22f9c3b484c3629090feed35f17ff8f88f76f0") },
    { symbol: "USDT", decimals: 6, address: asAddress("0x4ecaba5870353805a9f068101a40e0f32ed605c6") },
    { symbol: "WETH", decimals: 18, address: asAddress("0x6a023ccd1ff6f2045c3309768ead9e68f978f6e1") },
    { symbol: "GNO", decimals: 18, address: asAddress("0x9c58bacc331c9aa871afd802db6379a98e80cedb") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0x6c76971f98945ae98dd7d4dfca8711ebea946ea6") },
    { symbol: "EURe", decimals: 18, address: asAddress("0xcb444e90d8198415266c6a2724b7900fb12fc56e") },
    { symbol: "sDAI", decimals: 18, address: asAddress("0xaf204776c7245bf4147c2612bf6e5972ee483701") },
  ],
  dexes: [
    {
      id: "sushiswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xc35dadb65012ec5796536bd9864ed8773abc74c4"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/sushiswap/config/deployments/sushiswap-gnosis/configurations.json",
    },
    {
      id: "honeyswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xa818b4f111ccac7aa31d0bcc0806d64f2e0737d7"),
      deployBlock: 11813490,
      feeBps: 30,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/honeyswap/config/deployments/honeyswap-gnosis/configurations.json; sushi-labs/sushiswap:packages/sushi/src/router/liquidity-providers/HoneySwap.ts",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0xe32f7dd7e3f098d518ff19a22d5f028e076489b1"),
      deployBlock: 27416614,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; DefiLlama/DefiLlama-Adapters:projects/uniswap/index.js; npm:sushi@4.2.1:config/features/uniswap-v3.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV3.ts",
    },
    {
      id: "sushiswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0xf78031cbca409f2fb6876bdfdbc1b2df24cf9bef"),
      deployBlock: 27232871,
      source:
        "bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks/protocols/sushiswap-v3/config/deployments/sushiswap-v3-gnosis/configurations.json; DefiLlama/DefiLlama-Adapters:projects/sushiswap-v3/index.js; npm:sushi@4.2.1:config/features/sushiswap-v3.ts",
    },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
};
