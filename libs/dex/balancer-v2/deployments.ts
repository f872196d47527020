import type { DexDeployment } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

/** By key of the chain. Facts only, from the places that `source` names; a deployBlock of 0 is unknown. */
export const DEPLOYMENTS: Readonly<Record<string, readonly DexDeployment[]>> = {
  ethereum: [
    {
      id: "balancer-v2",
      brand: "Balancer",
      family: "balancer-v2",
      variant: "balancer-v2",
      factory: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8"),
      deployBlock: 12272146,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/balancer.js; npm:@paraswap/dex-lib@5.0.6:build/dex/balancer-v2/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; messari/subgraphs:subgraphs/balancer-forks/protocols/balancer-v2/config/deployments/balancer-v2-ethereum/configurations.json; propeller-heads/tycho-protocol-sdk:evm/src/balancer-v2/manifest.yaml",
    },
  ],
  optimism: [
    {
      id: "balancer-v2",
      brand: "Balancer",
      family: "balancer-v2",
      variant: "balancer-v2",
      factory: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8"),
      deployBlock: 7003431,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/balancer.js; npm:@paraswap/dex-lib@5.0.6:build/dex/balancer-v2/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; messari/subgraphs:subgraphs/balancer-forks/protocols/beethoven-x/config/deployments/beethoven-x-optimism/configurations.json; npm:@balancer/sdk@6.1.1:dist/index.js",
    },
  ],
  polygon: [
    {
      id: "balancer-v2",
      brand: "Balancer",
      family: "balancer-v2",
      variant: "balancer-v2",
      factory: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8"),
      deployBlock: 15832990,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/balancer-v2/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; messari/subgraphs:subgraphs/balancer-forks/protocols/balancer-v2/config/deployments/balancer-v2-polygon/configurations.json; npm:@balancer/sdk@6.1.1:dist/index.js; duneanalytics/spellbook:dbt_subprojects/dex/models/addresses/polygon/dex_polygon_addresses.sql",
    },
  ],
  base: [
    {
      id: "balancer-v2",
      brand: "Balancer",
      family: "balancer-v2",
      variant: "balancer-v2",
      factory: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8"),
      deployBlock: 1196036,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/balancer-v2/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; npm:@balancer/sdk@6.1.1:dist/index.js; duneanalytics/spellbook:dbt_macros/shared/balancer/balancer_protocol_fee_macro.sql; DefiLlama/dimension-adapters:users/routers/routerAddresses.ts",
    },
  ],
  arbitrum: [
    {
      id: "balancer-v2",
      brand: "Balancer",
      family: "balancer-v2",
      variant: "balancer-v2",
      factory: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8"),
      deployBlock: 222832,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/balancer-v2/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; messari/subgraphs:subgraphs/balancer-forks/protocols/balancer-v2/config/deployments/balancer-v2-arbitrum/configurations.json; npm:@balancer/sdk@6.1.1:dist/index.js; duneanalytics/spellbook:dbt_subprojects/dex/models/addresses/arbitrum/dex_arbitrum_addresses.sql",
    },
  ],
  avalanche: [
    {
      id: "balancer-v2",
      brand: "Balancer",
      family: "balancer-v2",
      variant: "balancer-v2",
      factory: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8"),
      deployBlock: 26386141,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/balancer-v2/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; npm:@balancer/sdk@6.1.1:dist/index.js; npm:@balancer-labs/v2-deployments@3.2.0:dist/tasks/20210418-vault/output/avalanche.json",
    },
  ],
  gnosis: [
    {
      id: "balancer-v2",
      brand: "Balancer",
      family: "balancer-v2",
      variant: "balancer-v2",
      factory: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8"),
      deployBlock: 24821598,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/balancer-v2/config.js; npm:@balancer/sdk@6.1.1:dist/index.js; DefiLlama/dimension-adapters:users/routers/routerAddresses.ts; npm:@balancer-labs/v2-deployments@3.2.0:dist/tasks/20210418-vault/output/gnosis.json",
    },
  ],
  sonic: [
    {
      id: "beets-v2",
      brand: "Beets",
      family: "balancer-v2",
      variant: "balancer-v2",
      factory: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8"),
      deployBlock: 368312,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/balancer.js; npm:@paraswap/dex-lib@5.0.6:build/dex/balancer-v2/config.js; npm:@balancer/sdk@6.1.1:dist/index.js",
    },
  ],
};
