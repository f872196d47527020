// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

interface IMintableToken {
    function mint(address to, uint256 amount) external;
}

interface ITickPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function slot0() external view returns (uint160 sqrtPriceX96, int24 tick);
    function swap(address recipient, bool zeroForOne, int256 amountSpecified, uint160 sqrtPriceLimitX96, bytes calldata data)
        external
        returns (int256 amount0, int256 amount1);
}

/// Provides liquidity to tick-based pools, trades in them and asks them, whatever their callbacks are called. Local chain only: it mints what it pays with,
/// pays whoever calls back, and does what anyone says.
contract TickTrader {
    /// TickMath (v3-core): one inside of either end of the price range.
    uint160 private constant LOWEST_LIMIT = 4295128740;
    uint160 private constant HIGHEST_LIMIT = 1461446703485210103287273052203988822378723970341;

    error Asked(int256 amount0, int256 amount1, uint256 sqrtPriceX96);

    bool private transient asking;

    struct Question {
        address pool;
        bool zeroForOne;
        int256 amountSpecified;
    }

    /// Calls `target` from this contract, and throws what it throws.
    function execute(address target, bytes calldata data) external returns (bytes memory) {
        (bool ok, bytes memory answer) = target.call(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        return answer;
    }

    /// What pools themselves do on `swap` up to the end of the price range: both amounts and the price after it, three words each; zeros where one refuses.
    function ask(Question[] calldata questions) external returns (int256[] memory answers) {
        asking = true;
        answers = new int256[](3 * questions.length);
        for (uint256 i = 0; i < questions.length; i++) {
            Question calldata question = questions[i];
            uint160 limit = question.zeroForOne ? LOWEST_LIMIT : HIGHEST_LIMIT;
            try ITickPool(question.pool).swap(address(this), question.zeroForOne, question.amountSpecified, limit, "") {}
            catch (bytes memory thrown) {
                if (bytes4(thrown) != Asked.selector) continue;
                for (uint256 word = 0; word < 3; word++) {
                    int256 value;
                    assembly ("memory-safe") {
                        value := mload(add(thrown, add(0x24, mul(0x20, word))))
                    }
                    answers[3 * i + word] = value;
                }
            }
        }
        asking = false;
    }

    /// Every fork's callbacks begin with the two amounts; what is owed to the pool is positive.
    fallback(bytes calldata input) external returns (bytes memory) {
        (int256 amount0, int256 amount1) = abi.decode(input[4:68], (int256, int256));
        ITickPool pool = ITickPool(msg.sender);
        if (asking) {
            (uint160 sqrtPriceX96,) = pool.slot0();
            revert Asked(amount0, amount1, sqrtPriceX96);
        }
        if (amount0 > 0) IMintableToken(pool.token0()).mint(msg.sender, uint256(amount0));
        if (amount1 > 0) IMintableToken(pool.token1()).mint(msg.sender, uint256(amount1));
        return "";
    }
}
