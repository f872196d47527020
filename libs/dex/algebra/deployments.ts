import type { DexDeployment } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

/** By key of the chain. Facts only, from the places that `source` names; a deployBlock of 0 is unknown. */
export const DEPLOYMENTS: Readonly<Record<string, readonly DexDeployment[]>> = {
  ethereum: [
    {
      id: "supernova-cl",
      brand: "Supernova",
      family: "algebra",
      variant: "algebra-integral-1.0",
      factory: asAddress("0x44b7fbd4d87149efa5347c451e74b9fd18e89c55"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/algebra-integral/config.js; DefiLlama/DefiLlama-Adapters:projects/supernova-CL/index.js",
    },
  ],
  bsc: [
    {
      id: "thena-fusion-v3",
      brand: "THENA",
      family: "algebra",
      variant: "algebra-v1",
      factory: asAddress("0x306f06c147f064a010530292a1eb6737c3e378e4"),
      deployBlock: 26030310,
      verified: true,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; npm:@paraswap/dex-lib@5.0.6:build/dex/quickswap/config.js",
    },
    {
      id: "thena-integral",
      brand: "THENA",
      family: "algebra",
      variant: "algebra-integral",
      factory: asAddress("0x30055f87716d3dfd0e5198c27024481099fb4a98"),
      deployBlock: 44121855,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js",
    },
  ],
  polygon: [
    {
      id: "quickswap-v3",
      brand: "QuickSwap",
      family: "algebra",
      variant: "algebra-v1",
      factory: asAddress("0x411b0facc3489691f28ad58c47006af5e3ab3a28"),
      deployBlock: 32610688,
      verified: true,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; npm:@paraswap/dex-lib@5.0.6:build/dex/algebra/config.js",
    },
    {
      id: "quickswap-v4",
      brand: "QuickSwap",
      family: "algebra",
      variant: "algebra-integral",
      factory: asAddress("0x134c1dbe4860a9caaf89002574ffe814772d9904"),
      deployBlock: 85606804,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:projects/quickswap-v4/index.js",
    },
  ],
  base: [
    {
      id: "quickswap-v4",
      brand: "QuickSwap",
      family: "algebra",
      variant: "algebra-integral",
      factory: asAddress("0xc5396866754799b9720125b104ae01d935ab9c7b"),
      deployBlock: 30736835,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/algebra-integral/config.js; DefiLlama/DefiLlama-Adapters:projects/quickswap-v4/index.js",
    },
    {
      id: "hydrex-cl",
      brand: "Hydrex",
      family: "algebra",
      variant: "algebra-integral-unknown",
      factory: asAddress("0x36077d39cdc65e1e3fb65810430e5b2c4d5fa29e"),
      deployBlock: 31648963,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js",
    },
  ],
  arbitrum: [
    {
      id: "camelot-v3",
      brand: "Camelot",
      family: "algebra",
      variant: "algebra-v1.9-directional",
      factory: asAddress("0x1a3c9b1d2f0529d97f2afc5136cc23e58f1fd35b"),
      deployBlock: 75633510,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/algebra/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; DefiLlama/DefiLlama-Adapters:projects/camelot-v2/index.js",
    },
    {
      id: "camelot-v4",
      brand: "Camelot",
      family: "algebra",
      variant: "algebra-integral-unknown",
      factory: asAddress("0xd490f2f6990c0291597fd1247651b4e0dcf684dd"),
      deployBlock: 0,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:projects/camelot-v2/index.js",
    },
    {
      id: "zyberswap-v3",
      brand: "Zyberswap",
      family: "algebra",
      variant: "algebra-v1",
      factory: asAddress("0x9c2abd632771b433e5e7507bcaa41ca3b25d8544"),
      deployBlock: 62714800,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv",
    },
  ],
  avalanche: [
    {
      id: "blackhole-cl",
      brand: "Blackhole",
      family: "algebra",
      variant: "algebra-integral-1.0",
      factory: asAddress("0x512eb749541b7cf294be882d636218c84a5e9e5f"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/algebra-integral/config.js; DefiLlama/DefiLlama-Adapters:projects/blackhole-CL/index.js",
    },
  ],
  gnosis: [
    {
      id: "swapr-v3",
      brand: "Swapr",
      family: "algebra",
      variant: "algebra-v1.9-directional",
      factory: asAddress("0xa0864cca6e114013ab0e27cbd5b6f4c8947da766"),
      deployBlock: 30096640,
      verified: true,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; npm:@paraswap/dex-lib@5.0.6:build/dex/algebra/config.js",
    },
  ],
  linea: [
    {
      id: "lynex-v3",
      brand: "Lynex",
      family: "algebra",
      variant: "algebra-v1.9",
      factory: asAddress("0x622b2c98123d303ae067db4925cd6282b3a08d0f"),
      deployBlock: 143660,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv",
    },
  ],
  scroll: [
    {
      id: "scribe-v4",
      brand: "Scribe",
      family: "algebra",
      variant: "algebra-integral-1.0",
      factory: asAddress("0xdc62acdf75cc7ea4d93c69b2866d9642e79d5e2e"),
      deployBlock: 7680915,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; sushi-labs/sushiswap:packages/sushi/src/router/liquidity-providers/Scribe.ts",
    },
  ],
  sonic: [
    {
      id: "swapx-cl",
      brand: "SwapX",
      family: "algebra",
      variant: "algebra-integral-1.0",
      factory: asAddress("0x8121a3f8c4176e9765deea0b95fa2bdfd3016794"),
      deployBlock: 1440914,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js",
    },
  ],
  blast: [
    {
      id: "fenix-v3",
      brand: "Fenix",
      family: "algebra",
      variant: "algebra-integral-1.0",
      factory: asAddress("0x7a44cd060afc1b6f4c80a2b9b37f4473e74e25df"),
      deployBlock: 1586090,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; sushi-labs/sushiswap:packages/sushi/src/router/liquidity-providers/Fenix.ts",
    },
  ],
};
