import type { DexDeployment } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

/** By key of the chain. Facts only, from the places that `source` names; a deployBlock of 0 is unknown. */
export const DEPLOYMENTS: Readonly<Record<string, readonly DexDeployment[]>> = {
  ethereum: [
    {
      id: "solidly-v2",
      brand: "Solidly",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0x777de5fe8117caaa7b44f396e93a401cf5c9d4d6"),
      deployBlock: 0,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js",
    },
    {
      id: "supernova-v1",
      brand: "Supernova",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0x5aef44edfc5a7edd30826c724ea12d7be15bdc30"),
      deployBlock: 0,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js",
    },
  ],
  optimism: [
    {
      id: "velodrome-v1",
      brand: "Velodrome",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0x25cbddb98b35ab1ff77413456b31ec81a6b6b746"),
      deployBlock: 10078686,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/solidly/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/velodrome-finance/protocols/velodrome-finance-v1/config/deployments/velodrome-finance-v1-optimism/configurations.json",
    },
    {
      id: "velodrome-v2",
      brand: "Velodrome",
      family: "solidly",
      variant: "velodrome-v2",
      factory: asAddress("0xf1046053aa5682b4f9a81b5481394da16be5ff5a"),
      deployBlock: 105896804,
      verified: true,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; npm:@paraswap/dex-lib@5.0.6:build/dex/solidly/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/velodrome-finance/protocols/velodrome-finance-v2/config/deployments/velodrome-finance-v2-optimism/configurations.json",
    },
  ],
  bsc: [
    {
      id: "thena-v1",
      brand: "THENA",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xafd89d21bdb66d00817d4153e055830b1c2b3970"),
      deployBlock: 0,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/solidly/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
  ],
  polygon: [
    {
      id: "pearl-v1",
      brand: "Pearl",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xeaf188cdd22feebcb345dcb529aa18ca9fcb4fbd"),
      deployBlock: 0,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js",
    },
  ],
  base: [
    {
      id: "aerodrome-v1",
      brand: "Aerodrome",
      family: "solidly",
      variant: "velodrome-v2",
      factory: asAddress("0x420dd381b31aef6683db6b902084cb0ffece40da"),
      deployBlock: 3200559,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/solidly/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
    {
      id: "equalizer-v1",
      brand: "Equalizer (Scale)",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xed8db60acc29e14bc867a497d94ca6e3ceb5ec04"),
      deployBlock: 4332209,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/solidly/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
    {
      id: "velocimeter-v2",
      brand: "Velocimeter",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xe21aac7f113bd5dc2389e4d8a8db854a87fd6951"),
      deployBlock: 1962644,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
    {
      id: "infusion-v1",
      brand: "Infusion",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0x2d9a3a2bd6400ee28d770c7254ca840c82faf23f"),
      deployBlock: 0,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/infusion/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
  ],
  arbitrum: [
    {
      id: "ramses-v1",
      brand: "Ramses",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xaaa20d08e59f6561f242b08513d36266c5a29415"),
      deployBlock: 69820005,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/solidly/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
    {
      id: "chronos-v1",
      brand: "Chronos",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xce9240869391928253ed9cc9bcb8cb98cb5b0722"),
      deployBlock: 0,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
    {
      id: "solidlizard-v1",
      brand: "SolidLizard",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0x734d84631f00dc0d3fcd18b04b6cf42bfd407074"),
      deployBlock: 0,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
    {
      id: "sterling-finance-v1",
      brand: "Sterling Finance",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xf7a23b9a9dcb8d0aff67012565c5844c20c11afc"),
      deployBlock: 0,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
  ],
  avalanche: [
    {
      id: "pharaoh-v1",
      brand: "Pharaoh",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xaaa16c016bf556fcd620328f0759252e29b1ab57"),
      deployBlock: 0,
      verified: true,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/solidly/config.js",
    },
    {
      id: "blackhole-v1",
      brand: "Blackhole",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xfe926062fb99ca5653080d6c14fe945ad68c265c"),
      deployBlock: 0,
      verified: true,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/solidly/config.js",
    },
  ],
  linea: [
    {
      id: "nile-v1",
      brand: "Nile",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xaaa16c016bf556fcd620328f0759252e29b1ab57"),
      deployBlock: 1768866,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv",
    },
    {
      id: "lynex-v1",
      brand: "Lynex",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xbc7695fd00e3b32d08124b7a4287493aee99f9ee"),
      deployBlock: 2202427,
      verified: true,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
    {
      id: "etherex-legacy",
      brand: "Etherex",
      family: "solidly",
      variant: "ramses-v3-legacy",
      factory: asAddress("0xc0b920f6f1d6122b8187c031554dc8194f644592"),
      deployBlock: 0,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js",
    },
  ],
  scroll: [
    {
      id: "nuri-v1",
      brand: "Nuri",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xaaa16c016bf556fcd620328f0759252e29b1ab57"),
      deployBlock: 0,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js",
    },
  ],
  zksync: [
    {
      id: "koi-finance-mute-v1",
      brand: "Koi Finance (Mute)",
      family: "solidly",
      variant: "mute",
      factory: asAddress("0x40be1cba6c5b47cdf9da7f963b6f761f4c60627d"),
      deployBlock: 0,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
  ],
  sonic: [
    {
      id: "equalizer-v1",
      brand: "Equalizer",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xddd9845ba0d8f38d3045f804f67a1a8b9a528fcc"),
      deployBlock: 0,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js",
    },
    {
      id: "shadow-legacy",
      brand: "Shadow",
      family: "solidly",
      variant: "ramses-v3-legacy",
      factory: asAddress("0x2da25e7446a70d7be65fd4c053948becaa6374c8"),
      deployBlock: 0,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
    {
      id: "swapx-v2",
      brand: "SwapX",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0x05c1be79d3ac21cc4b727eed58c9b2ff757f5663"),
      deployBlock: 0,
      verified: true,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
  ],
  mantle: [
    {
      id: "cleopatra-v1",
      brand: "Cleopatra",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xaaa16c016bf556fcd620328f0759252e29b1ab57"),
      deployBlock: 34705175,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
  ],
  blast: [
    {
      id: "fenix-v2",
      brand: "Fenix",
      family: "solidly",
      variant: "solidly-v1",
      factory: asAddress("0xa19c51d91891d3df7c13ed22a2f89d328a82950f"),
      deployBlock: 0,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
  ],
};
