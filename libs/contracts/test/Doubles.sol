// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// What the tests need beside the published protocols, without imports: forge compiles it with the tests, executor.anvil.test.ts compiles it by itself.

/// @notice NOT Curve: a double that calls and pays as a Curve pool does, and prices at a fixed rate less 0.04 %.
///
/// @dev No package publishes bytecode of Curve's pools. What is alike is what the executor depends on: `dx` is collected with `transferFrom`, tokens may
/// return nothing, `dy` goes to the caller, `min_dy` is enforced, and (StableSwap pools before 2021) nothing is returned.
abstract contract CurveDouble {
    address[] public coins;
    uint256[] internal worth;

    /// @param worth_ Of one raw unit of each coin, to any common scale.
    constructor(address[] memory coins_, uint256[] memory worth_) {
        (coins, worth) = (coins_, worth_);
    }

    function dyOf(uint256 i, uint256 j, uint256 dx) public view returns (uint256) {
        return (dx * worth[i] / worth[j]) * 9996 / 10000;
    }

    function _exchange(uint256 i, uint256 j, uint256 dx, uint256 minDy) internal returns (uint256 dy) {
        dy = dyOf(i, j, dx);
        require(dy >= minDy, "Exchange resulted in fewer coins than expected");
        _call(coins[i], abi.encodeWithSignature("transferFrom(address,address,uint256)", msg.sender, address(this), dx));
        _call(coins[j], abi.encodeWithSignature("transfer(address,uint256)", msg.sender, dy));
    }

    function _call(address token, bytes memory data) private {
        (bool ok, bytes memory answer) = token.call(data);
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), "token");
    }
}

/// As the first StableSwap pools: int128 indices, no answer.
contract CurveStableDouble is CurveDouble {
    constructor(address[] memory coins_, uint256[] memory worth_) CurveDouble(coins_, worth_) {}

    function exchange(int128 i, int128 j, uint256 dx, uint256 minDy) external {
        _exchange(uint128(i), uint128(j), dx, minDy);
    }
}

/// As CryptoSwap pools: uint256 indices, the amount as answer.
contract CurveCryptoDouble is CurveDouble {
    constructor(address[] memory coins_, uint256[] memory worth_) CurveDouble(coins_, worth_) {}

    function exchange(uint256 i, uint256 j, uint256 dx, uint256 minDy) external returns (uint256) {
        return _exchange(i, j, dx, minDy);
    }
}

/// Deploys PancakeSwap V3 pools, which ask their deployer for their parameters as they are constructed; its package leaves the deployer out.
contract PancakeDeployer {
    struct Parameters {
        address factory;
        address token0;
        address token1;
        uint24 fee;
        int24 tickSpacing;
    }

    Parameters public parameters;
    address public pool;

    function deploy(bytes memory creation, address token0, address token1, uint24 fee, int24 tickSpacing) external returns (address made) {
        parameters = Parameters(address(this), token0, token1, fee, tickSpacing);
        assembly {
            made := create(0, add(creation, 0x20), mload(creation))
        }
        require(made != address(0), "pool");
        pool = made;
    }
}

interface IAnyV3Pool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function swap(address to, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data) external returns (int256, int256);
}

/// Adds liquidity to V3 pools of any make out of what it holds, and asks them for quotes.
contract V3Provider {
    /// Calls a pool's mint, in the words of the pool's own interface.
    function mint(address pool, bytes calldata call_) external {
        (bool ok,) = pool.call(call_);
        require(ok, "mint");
    }

    function quote(address pool, bool zeroForOne, uint256 amountIn) external returns (uint256) {
        uint160 limit = zeroForOne ? 4295128740 : 1461446703485210103287273052203988822378723970341;
        try IAnyV3Pool(pool).swap(address(this), zeroForOne, int256(amountIn), limit, "quote") {
            revert("no callback");
        } catch (bytes memory amounts) {
            (int256 amount0, int256 amount1) = abi.decode(amounts, (int256, int256));
            return uint256(-(zeroForOne ? amount1 : amount0));
        }
    }

    /// Every callback of a V3 pool: two amounts and the data handed over.
    fallback() external {
        (int256 amount0, int256 amount1, bytes memory data) = abi.decode(msg.data[4:], (int256, int256, bytes));
        if (data.length > 0) {
            bytes memory amounts = abi.encode(amount0, amount1);
            assembly {
                revert(add(amounts, 0x20), 0x40)
            }
        }
        if (amount0 > 0) _pay(IAnyV3Pool(msg.sender).token0(), uint256(amount0));
        if (amount1 > 0) _pay(IAnyV3Pool(msg.sender).token1(), uint256(amount1));
    }

    function _pay(address token, uint256 amount) private {
        (bool ok,) = token.call(abi.encodeWithSignature("transfer(address,uint256)", msg.sender, amount));
        require(ok, "pay");
    }
}
