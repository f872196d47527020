// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title V3TickLens: the whole state of many Uniswap V3 pools, all initialised ticks included, in one `eth_call` and without a deployment.
///
/// @notice Called with no `to` and creation code as data: the constructor reads, and returns what it read in place of a contract's code. Works with every
/// fork that kept `tickBitmap`, `ticks`, `slot0` and their first two return values (PancakeSwap V3, Slipstream and others).
///
/// @dev Nodes apply to that result the rules for code, which shape this lens:
/// - at most 24,576 bytes (EIP-170), about 690 ticks: so an answer may end anywhere, even between two ticks of a pool, and says where to continue;
/// - 200 gas a byte: so it also stops while there is gas left to pay for what it has (a spacing of 1 needs 6,932 words, about 18 million gas);
/// - not beginning with 0xEF (EIP-3541): so it begins with a version byte.
///
/// A pool that is not one, or that answers nonsense, is reported with a price of zero and no ticks: one bad address must not cost the others their answer.
///
/// Result, big-endian and unpadded:
///
///     answer   version 1 (= 1) | pools reported 2 | last pool complete 1 | next compressed tick 3, signed, if not
///     pool     pool 20 | token0 20 | token1 20 | fee 3 | tickSpacing 3, signed | sqrtPriceX96 20 | tick 3, signed | liquidity 16 | number of ticks 2
///     tick     tick 3, signed | liquidityNet 16, signed | liquidityGross 16
contract V3TickLens {
    uint256 private constant MAX_RESULT_BYTES = 24_576;
    uint256 private constant ANSWER_HEAD_BYTES = 7;
    uint256 private constant POOL_BYTES = 107;
    uint256 private constant TICK_COUNT_AT = 105;
    uint256 private constant TICK_BYTES = 35;

    /// @dev Price of a byte of "code", and what reading one more word or tick and returning may cost beyond it.
    uint256 private constant GAS_PER_BYTE = 200;
    uint256 private constant GAS_RESERVE = 60_000;

    /// @dev TickMath.MAX_TICK (v3-core).
    int256 private constant MAX_TICK = 887_272;

    /// @param pools Pools to read, in order.
    /// @param firstCompressedTick Where to begin in the first pool, as a tick divided by its spacing; anything below the range begins at its start.
    constructor(address[] memory pools, int24 firstCompressedTick) {
        uint256 result;
        assembly ("memory-safe") {
            result := mload(0x40)
            // Reserved for good, together with a word beyond it, into which the last unaligned write may reach.
            mstore(0x40, add(result, add(MAX_RESULT_BYTES, 0x20)))
        }
        uint256 end = result + ANSWER_HEAD_BYTES;
        uint256 reported;
        int256 next = firstCompressedTick;
        bool complete = true;

        while (reported < pools.length && complete && _hasRoom(result, end, POOL_BYTES + TICK_BYTES)) {
            (end, complete, next) = _pool(result, end, pools[reported], next);
            ++reported;
            if (complete) next = type(int24).min;
        }

        _write(result, 1, 1);
        _write(result + 1, 2, reported);
        _write(result + 3, 1, complete ? 1 : 0);
        _write(result + 4, 3, complete ? 0 : uint256(next));
        assembly ("memory-safe") {
            return(result, sub(end, result))
        }
    }

    /// @dev Appends one pool and as many of its ticks as fit.
    function _pool(uint256 result, uint256 position, address pool, int256 first)
        private
        view
        returns (uint256 end, bool complete, int256 next)
    {
        (bool ok, int256 spacing) = _head(position, pool);
        end = position + POOL_BYTES;
        if (!ok) return (end, true, 0);

        int256 last = MAX_TICK / spacing;
        int256 compressed = first < -last ? -last : first;
        uint256 count;
        while (compressed <= last) {
            if (!_hasRoom(result, end, TICK_BYTES)) break;
            // What is left of the word that holds `compressed`; `>>` and `& 255` round down for negative ticks too, as TickBitmap.position does.
            (, uint256 bitmap) = _read(pool, 0x5339c296, compressed >> 8); // tickBitmap(int16)
            bitmap >>= uint256(compressed) & 255;
            if (bitmap == 0) {
                compressed = ((compressed >> 8) + 1) << 8;
                continue;
            }
            // All ticks of this word, without reading the word again.
            while (bitmap != 0) {
                uint256 skip = _lowestBit(bitmap);
                compressed += int256(skip);
                if (!_hasRoom(result, end, TICK_BYTES)) break;
                end = _tick(end, pool, compressed * spacing);
                ++count;
                ++compressed;
                // Two shifts: a shift by 256, after bit 255, is defined, but `skip + 1` reads less plainly.
                bitmap = (bitmap >> skip) >> 1;
                if (bitmap == 0) compressed = (((compressed - 1) >> 8) + 1) << 8;
            }
            if (bitmap != 0) break;
        }
        _write(position + TICK_COUNT_AT, 2, count);
        return (end, compressed > last, compressed);
    }

    /// @dev Writes all of the pool's record but the number of ticks. Not ok, with a price of zero, for what is no initialised V3 pool.
    function _head(uint256 position, address pool) private view returns (bool ok, int256 spacing) {
        _write(position, 20, uint160(pool));
        uint256 token0;
        uint256 token1;
        uint256 fee;
        uint256 spacingRead;
        uint256 sqrtPriceX96;
        uint256 tick;
        uint256 liquidity;
        (ok, token0) = _read(pool, 0x0dfe1681, 0); // token0()
        bool readable = ok;
        (ok, token1) = _read(pool, 0xd21220a7, 0); // token1()
        readable = readable && ok;
        (ok, fee) = _read(pool, 0xddca3f43, 0); // fee()
        readable = readable && ok;
        (ok, spacingRead) = _read(pool, 0xd0c93a7c, 0); // tickSpacing()
        readable = readable && ok;
        (ok, liquidity) = _read(pool, 0x1a686502, 0); // liquidity()
        readable = readable && ok;
        (ok, sqrtPriceX96, tick) = _readTwo(pool, 0x3850c7bd, 0); // slot0()
        readable = readable && ok;
        (ok,) = _read(pool, 0x5339c296, 0); // tickBitmap(int16): present, so that an empty one means empty
        readable = readable && ok;

        spacing = int256(spacingRead);
        ok = readable && sqrtPriceX96 != 0 && sqrtPriceX96 <= type(uint160).max && spacing > 0 && spacing <= MAX_TICK && fee < 1 << 24
            && liquidity <= type(uint128).max;
        if (!ok) (token0, token1, fee, spacingRead, sqrtPriceX96, tick, liquidity) = (0, 0, 0, 0, 0, 0, 0);
        _write(position + 20, 20, token0);
        _write(position + 40, 20, token1);
        _write(position + 60, 3, fee);
        _write(position + 63, 3, spacingRead);
        _write(position + 66, 20, sqrtPriceX96);
        _write(position + 86, 3, tick);
        _write(position + 89, 16, liquidity);
        _write(position + TICK_COUNT_AT, 2, 0);
    }

    function _tick(uint256 position, address pool, int256 tick) private view returns (uint256 end) {
        (, uint256 gross, uint256 net) = _readTwo(pool, 0xf30dba93, tick); // ticks(int24)
        _write(position, 3, uint256(tick));
        _write(position + 3, 16, net);
        _write(position + 19, 16, gross);
        return position + TICK_BYTES;
    }

    function _hasRoom(uint256 result, uint256 end, uint256 more) private view returns (bool) {
        uint256 bytes_ = end - result + more;
        return bytes_ <= MAX_RESULT_BYTES && gasleft() > bytes_ * GAS_PER_BYTE + GAS_RESERVE;
    }

    /// @dev First word of the answer to a call with one argument (which functions without any ignore). Zero and not ok when there is none.
    function _read(address target, uint256 selector, int256 argument) private view returns (bool ok, uint256 value) {
        assembly ("memory-safe") {
            mstore(0x00, selector)
            mstore(0x20, argument)
            ok := and(gt(returndatasize(), 0x1f), staticcall(gas(), target, 0x1c, 0x24, 0x00, 0x20)) // evaluated from right to left
            value := mul(ok, mload(0x00))
        }
    }

    /// @dev Its first two words, likewise.
    function _readTwo(address target, uint256 selector, int256 argument) private view returns (bool ok, uint256 first, uint256 second) {
        assembly ("memory-safe") {
            mstore(0x00, selector)
            mstore(0x20, argument)
            ok := and(gt(returndatasize(), 0x3f), staticcall(gas(), target, 0x1c, 0x24, 0x00, 0x40))
            first := mul(ok, mload(0x00))
            second := mul(ok, mload(0x20))
        }
    }

    /// @dev The low `size` bytes of `value`. Writes a whole word; what lies beyond is written after it, or not returned.
    function _write(uint256 position, uint256 size, uint256 value) private pure {
        assembly ("memory-safe") {
            let kept := mload(add(position, size))
            mstore(position, shl(sub(256, mul(size, 8)), value))
            mstore(add(position, size), kept)
        }
    }

    /// @dev Index of the lowest set bit of a value that is not zero.
    function _lowestBit(uint256 value) private pure returns (uint256 index) {
        assembly ("memory-safe") {
            // The lowest bit alone, then its logarithm by halving.
            let bit := and(value, sub(0, value))
            index := shl(7, gt(bit, 0xffffffffffffffffffffffffffffffff))
            index := or(index, shl(6, gt(shr(index, bit), 0xffffffffffffffff)))
            index := or(index, shl(5, gt(shr(index, bit), 0xffffffff)))
            index := or(index, shl(4, gt(shr(index, bit), 0xffff)))
            index := or(index, shl(3, gt(shr(index, bit), 0xff)))
            index := or(index, shl(2, gt(shr(index, bit), 0xf)))
            index := or(index, shl(1, gt(shr(index, bit), 0x3)))
            index := or(index, gt(shr(index, bit), 0x1))
        }
    }
}
