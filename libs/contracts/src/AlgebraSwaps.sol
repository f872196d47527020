// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IAlgebraPool {
    function swap(address recipient, bool zeroToOne, int256 amountRequired, uint160 limitSqrtPrice, bytes calldata data)
        external
        returns (int256 amount0, int256 amount1);
}

/// @dev Swaps without paying, as UnpaidSwap does (PoolVerifier.sol), and tells besides what the pool keeps of the fee that this swap paid: the pool writes it
/// before it calls back; and whether it went past a tick.
contract AlgebraUnpaidSwap {
    error CalledBack(int256 amount0, int256 amount1, uint256 price, uint256 word2, uint256 word3, uint256 crossed);

    address private pool;
    bytes32 private neighbours;

    /// @dev Always reverts: with `CalledBack`, or with what the pool refuses with.
    function swap(address pool_, bool zeroToOne, int256 amountRequired, uint160 limitSqrtPrice) external {
        pool = pool_;
        neighbours = _neighbours(pool_);
        IAlgebraPool(pool_).swap(address(this), zeroToOne, amountRequired, limitSqrtPrice, "");
    }

    /// @dev algebraSwapCallback(int256, int256, bytes). Others that call, such as tokens that announce themselves, get nothing.
    fallback(bytes calldata input) external returns (bytes memory) {
        if (msg.sender != pool) return "";
        (int256 amount0, int256 amount1) = abi.decode(input[4:68], (int256, int256));
        (, bytes memory state) = msg.sender.staticcall(hex"e76c01e4"); // globalState()
        uint256 price;
        uint256 word2;
        uint256 word3;
        assembly ("memory-safe") {
            price := mload(add(state, 0x20))
            word2 := mload(add(state, 0x60))
            word3 := mload(add(state, 0x80))
        }
        revert CalledBack(amount0, amount1, price, word2, word3, _neighbours(msg.sender) == neighbours ? 0 : 1);
    }

    /// @dev The initialised ticks around the price, of an Integral pool; of others the same at all times.
    function _neighbours(address pool_) private view returns (bytes32) {
        (, bytes memory previous) = pool_.staticcall(hex"050a4d21"); // prevTickGlobal()
        (, bytes memory next) = pool_.staticcall(hex"d5c35a7e"); // nextTickGlobal()
        return keccak256(abi.encode(previous, next));
    }
}

/// @title AlgebraSwaps: what Algebra pools themselves make of many swaps, and the fees they take for them, in one `eth_call` and without a deployment or a token.
///
/// @notice Called with no `to` and creation code as data: the constructor executes each swap, undoes it, and returns what it saw in place of a contract's code.
/// An Algebra pool sets its fee within the first swap of a new block time, from the volatility up to then; the fee of a block to come is therefore what a swap
/// pays in a call that runs at that block's time (`time` of the block overrides of `eth_call`). The answer says at which time it ran.
///
/// A question is two words:
///
///     pool, plus 2^160 when token0 comes in
///     amountRequired: exact input when positive, exact output when negative; 0 for the smallest swap that tells the fee
///
/// The answer, in words of 32 bytes: block.timestamp, and for each question
///
///     0   1 pool called back, 2 nothing asked (see _fixedFee), 0 refused
///     1-5 amount0, amount1, price, third and fourth word of globalState() in the callback; of a refusal: length of the reason, its first 128 bytes
///     6   number of words of globalState(): 6 Integral, 7 v1 and v1.9, 8 v1.9 with a fee for each direction
///     7-10 price, tick, third and fourth word of globalState() before the swap
///     11  liquidity
///     12  1 when the swap of an Integral pool went past an initialised tick
///
/// @dev At most 58 questions: the answer obeys the rules for code (24,576 bytes, EIP-170; not beginning with 0xEF, EIP-3541).
contract AlgebraSwaps {
    uint256 private constant QUESTION_WORDS = 13;

    /// @dev TickMath: one inside of either end of the price range.
    uint256 private constant LOWEST_LIMIT = 4295128740;
    uint256 private constant HIGHEST_LIMIT = 1461446703485210103287273052203988822378723970341;

    uint256 private constant TELLING = 1e6 << 24;

    /// @dev Plugins.BEFORE_SWAP_FLAG (Integral).
    uint256 private constant BEFORE_SWAP_FLAG = 1;

    constructor(uint256[2][] memory questions) {
        AlgebraUnpaidSwap swapper = new AlgebraUnpaidSwap();
        uint256[] memory answer = new uint256[](1 + questions.length * QUESTION_WORDS);
        answer[0] = block.timestamp;
        for (uint256 i; i < questions.length; ++i) {
            _ask(swapper, questions[i], answer, 1 + i * QUESTION_WORDS);
        }
        assembly ("memory-safe") {
            return(add(answer, 0x20), mul(mload(answer), 0x20))
        }
    }

    function _ask(AlgebraUnpaidSwap swapper, uint256[2] memory question, uint256[] memory answer, uint256 offset) private {
        address pool = address(uint160(question[0]));
        bool zeroToOne = question[0] >> 160 == 1;
        (, bytes memory state) = pool.staticcall(hex"e76c01e4"); // globalState()
        (, bytes memory active) = pool.staticcall(hex"1a686502"); // liquidity()
        if (state.length < 0xc0 || active.length < 0x20) return;
        uint256 words = state.length / 32;
        answer[offset + 6] = words;
        for (uint256 i; i < 4; ++i) {
            answer[offset + 7 + i] = _word(state, i);
        }
        answer[offset + 11] = _word(active, 0);
        uint256 price = answer[offset + 7];
        if (price == 0) return;

        int256 amount = int256(question[1]);
        uint256 limit = zeroToOne ? LOWEST_LIMIT : HIGHEST_LIMIT;
        if (amount == 0) {
            if (_fixedFee(words, answer[offset + 10])) {
                answer[offset] = 2;
                return;
            }
            amount = int256(_telling(price, answer[offset + 11], zeroToOne));
            // The two older versions write the fee down, so that no more than one unit of price has to move.
            if (words != 6) limit = zeroToOne ? price - 1 : price + 1;
        }
        try swapper.swap(pool, zeroToOne, amount, uint160(limit)) {}
        catch (bytes memory thrown) {
            if (bytes4(thrown) == AlgebraUnpaidSwap.CalledBack.selector) {
                answer[offset] = 1;
                for (uint256 i; i < 6; ++i) {
                    uint256 value;
                    assembly ("memory-safe") {
                        value := mload(add(add(thrown, 0x24), mul(i, 0x20)))
                    }
                    answer[i < 5 ? offset + 1 + i : offset + 12] = value;
                }
            } else {
                answer[offset + 1] = thrown.length;
                for (uint256 i; i < 4 && i * 32 < thrown.length; ++i) {
                    answer[offset + 2 + i] = _word(thrown, i);
                }
            }
        }
    }

    /// @dev An Integral pool whose plugin is not asked before a swap: all of its swaps pay lastFee, the third word.
    function _fixedFee(uint256 words, uint256 pluginConfig) private pure returns (bool) {
        return words == 6 && pluginConfig & BEFORE_SWAP_FLAG == 0;
    }

    /// @dev An input of which a millionth is a unit or more and moves the price by 2^24 units or more: no two fees leave the same price, and a price that
    /// something else than a fee accounts for is not taken for one.
    function _telling(uint256 price, uint256 liquidity, bool zeroToOne) private pure returns (uint256 amount) {
        amount = zeroToOne ? (((liquidity << 96) / price + 1) * TELLING) / price : (liquidity * TELLING) >> 96;
        return amount < 1e6 ? 1e6 : amount + 1;
    }

    function _word(bytes memory data, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x20), mul(index, 0x20)))
        }
    }
}
