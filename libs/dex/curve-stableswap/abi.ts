/** Selectors and topics; abi.test.ts holds them to the hashes of their signatures. */

export const SELECTORS = {
  "pool_count()": "0x956aae3a",
  "pool_list(uint256)": "0x3a1d5d8e",
  "get_implementation_address(address)": "0x510d98a4",
  "get_base_pool(address)": "0x6f20d6dd",
  "get_pool_asset_types(address)": "0xa80f2464",
  "plain_implementations(uint256,uint256)": "0x31a4f865",
  "metapool_implementations(address)": "0x970fa3f3",
  "coins(uint256)": "0xc6610657",
  "balances(uint256)": "0x4903b0d1",
  "A_precise()": "0x76a2f0f0",
  "fee()": "0xddca3f43",
  "admin_fee()": "0xfee3f7f9",
  "offpeg_fee_multiplier()": "0x8edfdd5f",
  "stored_rates()": "0xfd0684b1",
  "N_COINS()": "0x29357750",
  "version()": "0x54fd4d50",
  "BASE_POOL()": "0x71511a5e",
  "base_pool()": "0x5d6362bb",
  "base_virtual_price()": "0x95ccc02f",
  "base_cache_updated()": "0x8296f84f",
  "get_virtual_price()": "0xbb7b8b80",
  "underlying_coins(uint256)": "0xb9947eb0",
  "gamma()": "0xb1373929",
  "ma_exp_time()": "0x1be913a5",
  "initial_A()": "0x5409491a",
  "future_A()": "0xb4b577ad",
  "initial_A_time()": "0x2081066c",
  "future_A_time()": "0x14052288",
  "decimals()": "0x313ce567",
  "get_dy(int128,int128,uint256)": "0x5e0d443f",
} as const;

/** Announcements of a pool: none carries its address. */
export const CREATED = {
  "PlainPoolDeployed(address[4],uint256,uint256,address)": "0x5b4a28c940282b5bf183df6a046b8119cf6edeb62859f75e835eb7ba834cce8d",
  "PlainPoolDeployed(address[],uint256,uint256,address)": "0xd1d60d4611e4091bb2e5f699eeb79136c21ac2305ad609f3de569afc3471eecc",
  "MetaPoolDeployed(address,address,uint256,uint256,address)": "0x01f31cd2abdeb4e5e10ba500f2db0f937d9e8c735ab04681925441b4ea37eda5",
} as const;

export const TOKEN_EXCHANGE = "0x8b3e96f2b889fa771c53c981b40daf005f63f637f1869f707052d15a3dd97140";

/** Everything that moves a pool's balances, A or fees. Arrays have the pool's number of coins, of which plain pools before `ng` have 2 to 4. */
export const MOVED = {
  "TokenExchange(address,int128,uint256,int128,uint256)": TOKEN_EXCHANGE,
  "TokenExchangeUnderlying(address,int128,uint256,int128,uint256)": "0xd013ca23e77a65003c2c659c5442c00c805371b7fc1ebd4c206c41d1536bd90b",
  "AddLiquidity(address,uint256[2],uint256[2],uint256,uint256)": "0x26f55a85081d24974e85c6c00045d0f0453991e95873f52bff0d21af4079a768",
  "AddLiquidity(address,uint256[3],uint256[3],uint256,uint256)": "0x423f6495a08fc652425cf4ed0d1f9e37e571d9b9529b1c1c23cce780b2e7df0d",
  "AddLiquidity(address,uint256[4],uint256[4],uint256,uint256)": "0x3f1915775e0c9a38a57a7bb7f1f9005f486fb904e1f84aa215364d567319a58d",
  "AddLiquidity(address,uint256[],uint256[],uint256,uint256)": "0x189c623b666b1b45b83d7178f39b8c087cb09774317ca2f53c2d3c3726f222a2",
  "RemoveLiquidity(address,uint256[2],uint256[2],uint256)": "0x7c363854ccf79623411f8995b362bce5eddff18c927edc6f5dbbb5e05819a82c",
  "RemoveLiquidity(address,uint256[3],uint256[3],uint256)": "0xa49d4cf02656aebf8c771f5a8585638a2a15ee6c97cf7205d4208ed7c1df252d",
  "RemoveLiquidity(address,uint256[4],uint256[4],uint256)": "0x9878ca375e106f2a43c3b599fc624568131c4c9a4ba66a14563715763be9d59d",
  "RemoveLiquidity(address,uint256[],uint256[],uint256)": "0x347ad828e58cbe534d8f6b67985d791360756b18f0d95fd9f197a66cc46480ea",
  "RemoveLiquidityImbalance(address,uint256[2],uint256[2],uint256,uint256)":
    "0x2b5508378d7e19e0d5fa338419034731416c4f5b219a10379956f764317fd47e",
  "RemoveLiquidityImbalance(address,uint256[3],uint256[3],uint256,uint256)":
    "0x173599dbf9c6ca6f7c3b590df07ae98a45d74ff54065505141e7de6c46a624c2",
  "RemoveLiquidityImbalance(address,uint256[4],uint256[4],uint256,uint256)":
    "0xb964b72f73f5ef5bf0fdc559b2fab9a7b12a39e47817a547f1f0aee47febd602",
  "RemoveLiquidityImbalance(address,uint256[],uint256[],uint256,uint256)":
    "0x3631c28b1f9dd213e0319fb167b554d76b6c283a41143eb400a0d1adb1af1755",
  "RemoveLiquidityOne(address,uint256,uint256)": "0x9e96dd3b997a2a257eec4df9bb6eaf626e206df5f543bd963682d143300be310",
  "RemoveLiquidityOne(address,uint256,uint256,uint256)": "0x5ad056f2e28a8cec232015406b843668c1e36cda598127ec3b8c59b8c72773a0",
  "RemoveLiquidityOne(address,int128,uint256,uint256,uint256)": "0x6f48129db1f37ccb9cc5dd7e119cb32750cabdf75b48375d730d26ce3659bbe1",
  "RampA(uint256,uint256,uint256,uint256)": "0xa2b71ec6df949300b59aab36b55e189697b750119dd349fcfa8c0f779e83c254",
  "StopRampA(uint256,uint256)": "0x46e22fb3709ad289f62ce63d469248536dbc78d82b84a3d7e74ad606dc201938",
  "NewFee(uint256,uint256)": "0xbe12859b636aed607d5230b2cc2711f68d70e51060e6cca1f575ef5d2fcc95d1",
  "ApplyNewFee(uint256)": "0xa8715770654f54603947addf38c689adbd7182e21673b28bcf306a957aaba215",
  "ApplyNewFee(uint256,uint256)": "0x750d10a7f37466ce785ee6bcb604aac543358db42afbcc332a3c12a49c80bf6d",
  "ApplyNewAdminFee(uint256)": "0xafd278a088f25853d83ca43da1e02bb10dd3a1fcfcf5abf9dd64aca5fa10f880",
} as const;
