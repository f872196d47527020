// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IConcentratedPool {
    function swap(address recipient, bool zeroForOne, int256 amountSpecified, uint160 sqrtPriceLimitX96, bytes calldata data)
        external
        returns (int256 amount0, int256 amount1);
}

/// @dev Swaps without paying: whatever the pool calls back with, is thrown back through it and undoes the swap. As QuoterV2 does (v3-periphery).
contract UnpaidSwap {
    /// @dev TickMath (v3-core): one inside of either end of the price range.
    uint160 private constant LOWEST_LIMIT = 4295128740;
    uint160 private constant HIGHEST_LIMIT = 1461446703485210103287273052203988822378723970341;

    error CalledBack(int256 amount0Delta, int256 amount1Delta);

    address private immutable pool;

    constructor(address pool_) {
        pool = pool_;
    }

    /// @dev Always reverts: with `CalledBack`, or with what the pool refuses with.
    function swap(bool zeroForOne, uint256 amountIn) external {
        IConcentratedPool(pool).swap(address(this), zeroForOne, int256(amountIn), zeroForOne ? LOWEST_LIMIT : HIGHEST_LIMIT, "");
    }

    /// @dev Every fork's callback, whatever its name: (int256, int256, bytes). Others that call, such as tokens that announce themselves, get nothing.
    fallback(bytes calldata input) external returns (bytes memory) {
        if (msg.sender != pool) return "";
        (int256 amount0Delta, int256 amount1Delta) = abi.decode(input[4:68], (int256, int256));
        revert CalledBack(amount0Delta, amount1Delta);
    }
}

/// @title PoolVerifier: what a Uniswap V3 pool itself takes and pays for an exact input, in one `eth_call` and without a deployment or a token.
///
/// @notice Called with no `to` and creation code as data: the constructor returns two words in place of a contract's code, the amount that the pool takes of
/// the input and the amount that it pays. A pool that refuses makes the call revert with its own reason, and one that gives none with `NoReason`: it may have
/// run out of gas, so that is no answer.
///
/// @dev The pool calls back the one who swaps, which a contract under construction cannot be: hence a second one. No answer begins with 0xEF, which nodes
/// refuse in code (EIP-3541): amounts are below 2^247.
contract PoolVerifier {
    error NoReason();

    constructor(address pool, bool zeroForOne, uint256 amountIn) {
        require(amountIn < 1 << 247);
        bytes memory reason;
        try new UnpaidSwap(pool).swap(zeroForOne, amountIn) {}
        catch (bytes memory thrown) {
            reason = thrown;
        }
        if (reason.length == 0) revert NoReason();
        if (bytes4(reason) != UnpaidSwap.CalledBack.selector) {
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
        int256 amount0;
        int256 amount1;
        assembly ("memory-safe") {
            amount0 := mload(add(reason, 0x24))
            amount1 := mload(add(reason, 0x44))
        }
        (int256 taken, int256 paid) = zeroForOne ? (amount0, -amount1) : (amount1, -amount0);
        assembly ("memory-safe") {
            mstore(0x00, taken)
            mstore(0x20, paid)
            return(0x00, 0x40)
        }
    }
}
