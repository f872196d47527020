import type { DexDeployment } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

/** By key of the chain. Facts only, from the places that `source` names; a deployBlock of 0 is unknown. */
export const DEPLOYMENTS: Readonly<Record<string, readonly DexDeployment[]>> = {
  ethereum: [
    {
      id: "curve-stableswap-ng",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-ng",
      factory: asAddress("0x6a8cbed756804b16e05e741edabd5cb544ae21bf"),
      deployBlock: 17182168,
      verified: true,
      source: "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-stable-ng/config.js; DefiLlama/DefiLlama-Adapters:projects/curve/index.js",
    },
    {
      id: "curve-stableswap-factory",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-v1",
      factory: asAddress("0xb9fc157394af804a3578134a6585c0dc9cc990d4"),
      deployBlock: 12903979,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-factory/config.js; messari/subgraphs:subgraphs/curve-finance/protocols/curve-finance/config/deployments/curve-finance-ethereum/configurations.json; duneanalytics/spellbook:dbt_subprojects/dex/models/_projects/curvefi/ethereum/curve_ethereum_view_pools.sql; DefiLlama/dimension-adapters:dexs/curve/index.ts; propeller-heads/tycho-protocol-sdk:substreams/ethereum-curve/abi/get_abis.py",
    },
  ],
  optimism: [
    {
      id: "curve-stableswap-ng",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-ng",
      factory: asAddress("0x5eee3091f747e60a045a2e715a4c71e600e31f6e"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-stable-ng/config.js; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/DefiLlama-Adapters:projects/curve/contracts.json",
    },
    {
      id: "curve-stableswap-factory",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-v1",
      factory: asAddress("0x2db0e83599a91b508ac268a6197b8b14f5e72840"),
      deployBlock: 3465832,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-factory/config.js; messari/subgraphs:subgraphs/curve-finance/protocols/curve-finance/config/deployments/curve-finance-optimism/configurations.json; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/dimension-adapters:dexs/curve/index.ts",
    },
  ],
  bsc: [
    {
      id: "curve-stableswap-ng",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-ng",
      factory: asAddress("0xd7e72f3615aa65b92a4dbdc211e296a35512988b"),
      deployBlock: 0,
      verified: true,
      source: "npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/DefiLlama-Adapters:projects/curve/contracts.json",
    },
    {
      id: "curve-stableswap-factory",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-v1",
      factory: asAddress("0xefde221f306152971d8e9f181bfe998447975810"),
      deployBlock: 0,
      verified: true,
      source: "npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/dimension-adapters:dexs/curve/index.ts",
    },
  ],
  polygon: [
    {
      id: "curve-stableswap-ng",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-ng",
      factory: asAddress("0x1764ee18e8b3cca4787249ceb249356192594585"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-stable-ng/config.js; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/DefiLlama-Adapters:projects/curve/contracts.json",
    },
    {
      id: "curve-stableswap-factory",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-v1",
      factory: asAddress("0x722272d36ef0da72ff51c5a65db7b870e2e8d4ee"),
      deployBlock: 19613852,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-factory/config.js; messari/subgraphs:subgraphs/curve-finance/protocols/curve-finance/config/deployments/curve-finance-polygon/configurations.json; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/dimension-adapters:dexs/curve/index.ts",
    },
  ],
  base: [
    {
      id: "curve-stableswap-ng",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-ng",
      factory: asAddress("0xd2002373543ce3527023c75e7518c274a51ce712"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-stable-ng/config.js; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/DefiLlama-Adapters:projects/curve/contracts.json",
    },
    {
      id: "curve-stableswap-factory",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-v1",
      factory: asAddress("0x3093f9b57a428f3eb6285a589cb35bea6e78c336"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-factory/config.js; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/DefiLlama-Adapters:projects/curve/contracts.json",
    },
  ],
  arbitrum: [
    {
      id: "curve-stableswap-ng",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-ng",
      factory: asAddress("0x9af14d26075f142eb3f292d5065eb3faa646167b"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-stable-ng/config.js; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/DefiLlama-Adapters:projects/curve/contracts.json",
    },
    {
      id: "curve-stableswap-factory",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-v1",
      factory: asAddress("0xb17b674d9c5cb2e441f8e196a2f048a81355d031"),
      deployBlock: 1413161,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-factory/config.js; messari/subgraphs:subgraphs/curve-finance/protocols/curve-finance/config/deployments/curve-finance-arbitrum/configurations.json; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/dimension-adapters:dexs/curve/index.ts",
    },
  ],
  avalanche: [
    {
      id: "curve-stableswap-ng",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-ng",
      factory: asAddress("0x1764ee18e8b3cca4787249ceb249356192594585"),
      deployBlock: 0,
      verified: true,
      source: "npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/DefiLlama-Adapters:projects/curve/contracts.json",
    },
    {
      id: "curve-stableswap-factory",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-v1",
      factory: asAddress("0xb17b674d9c5cb2e441f8e196a2f048a81355d031"),
      deployBlock: 6571428,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-factory/config.js; messari/subgraphs:subgraphs/curve-finance/protocols/curve-finance/config/deployments/curve-finance-avalanche/configurations.json; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/dimension-adapters:dexs/curve/index.ts",
    },
  ],
  gnosis: [
    {
      id: "curve-stableswap-ng",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-ng",
      factory: asAddress("0xbc0797015fcfc47d9c1856639cae50d0e69fbee8"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-stable-ng/config.js; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/DefiLlama-Adapters:projects/curve/contracts.json",
    },
    {
      id: "curve-stableswap-factory",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-v1",
      factory: asAddress("0xd19baeadc667cf2015e395f2b08668ef120f41f5"),
      deployBlock: 21364050,
      verified: true,
      source:
        "messari/subgraphs:subgraphs/curve-finance/protocols/curve-finance/config/deployments/curve-finance-gnosis/configurations.json; npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/dimension-adapters:dexs/curve/index.ts",
    },
  ],
  sonic: [
    {
      id: "curve-stableswap-ng",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-ng",
      factory: asAddress("0x7c2085419be6a04f4ad88ea91bc9f5c6e6c463d8"),
      deployBlock: 0,
      verified: true,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/curve-v1-stable-ng/config.js; DefiLlama/DefiLlama-Adapters:projects/curve/contracts.json",
    },
  ],
  mantle: [
    {
      id: "curve-stableswap-ng",
      brand: "Curve",
      family: "curve-stableswap",
      variant: "stableswap-ng",
      factory: asAddress("0x5eee3091f747e60a045a2e715a4c71e600e31f6e"),
      deployBlock: 0,
      verified: true,
      source: "npm:@curvefi/api@2.65.13:lib/constants/network_constants.js; DefiLlama/DefiLlama-Adapters:projects/curve/contracts.json",
    },
  ],
};
