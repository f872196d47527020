import type { DexDeployment } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

/** By key of the chain. Facts only, from the places that `source` names; a deployBlock of 0 is unknown. */
export const DEPLOYMENTS: Readonly<Record<string, readonly DexDeployment[]>> = {
  ethereum: [
    {
      id: "pancakeswap-v3",
      brand: "PancakeSwap",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x0bfbcf9fa4f9c56b0f40a671ad40e0805a091865"),
      deployBlock: 16950685,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/pancakeswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; messari/subgraphs:subgraphs/uniswap-v3-forks-swap/protocols/pancakeswap-v3-swap/config/deployments/pancakeswap-v3-swap-ethereum/configurations.json; hummingbot/gateway:src/connectors/pancakeswap/pancakeswap.contracts.ts",
    },
  ],
  bsc: [
    {
      id: "pancakeswap-v3",
      brand: "PancakeSwap",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x0bfbcf9fa4f9c56b0f40a671ad40e0805a091865"),
      deployBlock: 26956207,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/pancakeswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; messari/subgraphs:subgraphs/uniswap-v3-forks-swap/protocols/pancakeswap-v3-swap/config/deployments/pancakeswap-v3-swap-bsc/configurations.json; hummingbot/gateway:src/connectors/pancakeswap/pancakeswap.contracts.ts; npm:@pancakeswap/v3-sdk@3.10.2:dist/constants.d.ts",
    },
    {
      id: "squadswap-v3",
      brand: "SquadSwap",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x009c4ef7c0e0dd6bd1ea28417c01ea16341367c3"),
      deployBlock: 34184408,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js",
    },
  ],
  base: [
    {
      id: "pancakeswap-v3",
      brand: "PancakeSwap",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x0bfbcf9fa4f9c56b0f40a671ad40e0805a091865"),
      deployBlock: 2912007,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/pancakeswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; BowTiedDevil/degenbot:src/degenbot/registry/deployments.json; hummingbot/gateway:src/connectors/pancakeswap/pancakeswap.contracts.ts; npm:@pancakeswap/v3-sdk@3.10.2:dist/constants.d.ts",
    },
    {
      id: "swapbased-v3",
      brand: "SwapBased",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0xb5620f90e803c7f957a9ef351b8db3c746021bea"),
      deployBlock: 13766585,
      verified: true,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; npm:@paraswap/dex-lib@5.0.6:build/dex/pancakeswap-v3/config.js",
    },
    {
      id: "dackieswap-v3",
      brand: "DackieSwap",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x3d237ac6d2f425d2e890cc99198818cc1fa48870"),
      deployBlock: 2031627,
      verified: false,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js",
    },
  ],
  arbitrum: [
    {
      id: "pancakeswap-v3",
      brand: "PancakeSwap",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x0bfbcf9fa4f9c56b0f40a671ad40e0805a091865"),
      deployBlock: 101028949,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/pancakeswap-v3/config.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; hummingbot/gateway:src/connectors/pancakeswap/pancakeswap.contracts.ts; npm:@pancakeswap/v3-sdk@3.10.2:dist/constants.d.ts; DefiLlama/dimension-adapters:dexs/pancakeswap-v3.ts",
    },
  ],
  linea: [
    {
      id: "pancakeswap-v3",
      brand: "PancakeSwap",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x0bfbcf9fa4f9c56b0f40a671ad40e0805a091865"),
      deployBlock: 1444,
      verified: true,
      source:
        "bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; npm:@pancakeswap/v3-sdk@3.10.2:dist/constants.d.ts; DefiLlama/dimension-adapters:dexs/pancakeswap-v3.ts; npm:sushi@4.2.1:config/features/pancakeswap-v3.ts",
    },
    {
      id: "echodex-v3",
      brand: "EchoDEX",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x559fa53be355835a038ac303a750e8788668636b"),
      deployBlock: 120029,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv",
    },
    {
      id: "secta-v3",
      brand: "Secta",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x9bd425a416a276c72a13c13bbd8145272680cf07"),
      deployBlock: 2388856,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv",
    },
  ],
  zksync: [
    {
      id: "pancakeswap-v3",
      brand: "PancakeSwap",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x1bb72e0cbbea93c08f535fc7856e0338d7f7a8ab"),
      deployBlock: 9413438,
      verified: true,
      source:
        "bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; DefiLlama/DefiLlama-Adapters:projects/pancakeswap-v3/index.js; npm:@pancakeswap/v3-sdk@3.10.2:dist/index.js; npm:sushi@4.2.1:config/features/pancakeswap-v3.ts",
    },
  ],
  mantle: [
    {
      id: "agni-v3",
      brand: "Agni",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x25780dc8fc3cfbd75f33bfdab65e969b603b2035"),
      deployBlock: 35714,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv",
    },
    {
      id: "fusionx-v3",
      brand: "FusionX",
      family: "pancake-v3",
      variant: "pancake-v3",
      factory: asAddress("0x530d2766d1988cc1c000c8b7d00334c14b69ad71"),
      deployBlock: 2646,
      verified: true,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv",
    },
  ],
};
