import type { DexDeployment } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

/** By key of the chain. Facts only, from the places that `source` names; a deployBlock of 0 is unknown. */
export const DEPLOYMENTS: Readonly<Record<string, readonly DexDeployment[]>> = {
  optimism: [
    {
      id: "velodrome-cl-v1-2",
      brand: "Velodrome",
      family: "slipstream",
      variant: "slipstream",
      factory: asAddress("0xcc0bddb707055e04e497ab22a59c2af4391cd12f"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; DefiLlama/DefiLlama-Adapters:projects/velodrome-CL/index.js",
    },
    {
      id: "velodrome-cl-v1-0",
      brand: "Velodrome",
      family: "slipstream",
      variant: "slipstream",
      factory: asAddress("0x548118c7e0b865c2cfa94d15ec86b666468ac758"),
      deployBlock: 0,
      verified: false,
      source: "duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
  ],
  base: [
    {
      id: "aerodrome-cl-v1",
      brand: "Aerodrome",
      family: "slipstream",
      variant: "slipstream",
      factory: asAddress("0x5e7bb104d84c7cb9b682aac2f3d509f5f406809a"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; DefiLlama/DefiLlama-Adapters:projects/aerodrome-CL/index.js; velodrome-finance/sugar:deployments/base.env",
    },
    {
      id: "aerodrome-cl-v2",
      brand: "Aerodrome",
      family: "slipstream",
      variant: "slipstream",
      factory: asAddress("0xade65c38cd4849adba595a4323a8c7ddfe89716a"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; DefiLlama/DefiLlama-Adapters:projects/aerodrome-ignition/index.js",
    },
    {
      id: "aerodrome-cl-v3",
      brand: "Aerodrome",
      family: "slipstream",
      variant: "slipstream",
      factory: asAddress("0xf8f2eb4940cfe7d13603dddd87f123820fc061ef"),
      deployBlock: 0,
      verified: false,
      source: "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js",
    },
  ],
};
