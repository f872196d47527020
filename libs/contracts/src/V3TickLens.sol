// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title V3TickLens: the whole state of many tick-based pools, all initialised ticks included, in one `eth_call` and without a deployment.
///
/// @notice Called with no `to` and creation code as data: the constructor reads, and returns what it read in place of a contract's code. Works with Uniswap V3,
/// with every fork that kept the first two return values of `slot0` and `ticks` (PancakeSwap V3, Slipstream, Solidly V3, Ramses), and with Algebra.
///
/// @dev Nodes apply to that result the rules for code, which shape this lens:
/// - at most 24,576 bytes (EIP-170), about 690 ticks: so an answer may end anywhere, even between two ticks of a pool, and says where to continue;
/// - 200 gas a byte: so it also stops while there is gas left to pay for what it has (a spacing of 1 needs 6,932 words, about 18 million gas);
/// - not beginning with 0xEF (EIP-3541): so it begins with a version byte.
///
/// Where a pool keeps its price and its ticks (`kind`):
///
///     0   slot0(), tickBitmap(int16), a bit for each multiple of tickSpacing()
///     1   globalState(), tickTable(int16), a bit for each multiple of tickSpacing()
///     2   globalState(), tickTable(int16), a bit for each tick
///     3   globalState(), no table: ticks(int24) says in its third and fourth word which ticks come before and after, from the lowest to the highest of all
///
/// What is no pool, or answers nonsense, is reported with zeros and no ticks: one bad address must not cost the others their answer. A pool that is not
/// initialised has a price of zero, and tokens, fee and spacing.
///
/// Result, big-endian and unpadded:
///
///     answer   version 1 (= 2) | pools reported 2 | last pool complete 1 | next slot 3, signed, if not
///     pool     pool 20 | token0 20 | token1 20 | fee 3 | tickSpacing 3, signed | sqrtPriceX96 20 | tick 3, signed | liquidity 16
///              | third word 3 | fourth word 3 | words 1 | number of ticks 2
///     tick     tick 3, signed | liquidityNet 16, signed | liquidityGross 16
///
/// The fee is currentFee(), of a pool without it fee(), of one without either 0xffffff. The words are those of slot0() or globalState(), where some pools keep
/// fees: how many it has, and the low 24 bits of the third and fourth. A slot is a bit of the table; in kind 3 it is a tick.
contract V3TickLens {
    uint256 private constant MAX_RESULT_BYTES = 24_576;
    uint256 private constant ANSWER_HEAD_BYTES = 7;
    uint256 private constant POOL_BYTES = 114;
    uint256 private constant TICK_COUNT_AT = 112;
    uint256 private constant TICK_BYTES = 35;

    /// @dev Price of a byte of "code", and what reading one more word or tick and returning may cost beyond it.
    uint256 private constant GAS_PER_BYTE = 200;
    uint256 private constant GAS_RESERVE = 60_000;

    /// @dev TickMath.MAX_TICK (v3-core).
    int256 private constant MAX_TICK = 887_272;
    uint256 private constant NO_FEE = 0xffffff;

    uint256 private constant SLOT0 = 0;
    uint256 private constant EVERY_TICK = 2;
    uint256 private constant LIST = 3;

    /// @param pools Pools to read, in order, all of one kind.
    /// @param firstSlot Where to begin in the first pool; anything below the range begins at its start.
    constructor(address[] memory pools, int24 firstSlot, uint8 kind) {
        uint256 result;
        assembly ("memory-safe") {
            result := mload(0x40)
            // Reserved for good, together with a word beyond it, into which the last unaligned write may reach.
            mstore(0x40, add(result, add(MAX_RESULT_BYTES, 0x20)))
        }
        uint256 end = result + ANSWER_HEAD_BYTES;
        uint256 reported;
        int256 next = firstSlot;
        bool complete = true;

        while (reported < pools.length && complete && _hasRoom(result, end, POOL_BYTES + TICK_BYTES)) {
            (end, complete, next) = _pool(result, end, pools[reported], next, kind);
            ++reported;
            if (complete) next = type(int24).min;
        }

        _write(result, 1, 2);
        _write(result + 1, 2, reported);
        _write(result + 3, 1, complete ? 1 : 0);
        _write(result + 4, 3, complete ? 0 : uint256(next));
        assembly ("memory-safe") {
            return(result, sub(end, result))
        }
    }

    /// @dev Appends one pool and as many of its ticks as fit.
    function _pool(uint256 result, uint256 position, address pool, int256 first, uint256 kind)
        private
        view
        returns (uint256 end, bool complete, int256 next)
    {
        (bool ok, int256 spacing) = _head(position, pool, kind);
        end = position + POOL_BYTES;
        if (!ok) return (end, true, 0);
        if (kind == LIST) (end, complete, next) = _list(result, end, pool, first);
        else (end, complete, next) = _table(result, end, pool, first, kind == EVERY_TICK ? int256(1) : spacing, kind);
        _write(position + TICK_COUNT_AT, 2, (end - position - POOL_BYTES) / TICK_BYTES);
    }

    /// @dev Appends the ticks that a table of bits has, from the bit `first` on.
    function _table(uint256 result, uint256 position, address pool, int256 first, int256 spacing, uint256 kind)
        private
        view
        returns (uint256 end, bool complete, int256 next)
    {
        end = position;
        uint256 table = _tableSelector(kind);
        int256 last = MAX_TICK / spacing;
        next = first < -last ? -last : first;
        while (next <= last) {
            if (!_hasRoom(result, end, TICK_BYTES)) break;
            // What is left of the word that holds `next`; `>>` and `& 255` round down for negative ticks too, as TickBitmap.position does.
            (, uint256 bitmap) = _read(pool, table, next >> 8);
            bitmap >>= uint256(next) & 255;
            if (bitmap == 0) {
                next = ((next >> 8) + 1) << 8;
                continue;
            }
            // All ticks of this word, without reading the word again.
            while (bitmap != 0) {
                uint256 skip = _lowestBit(bitmap);
                next += int256(skip);
                if (!_hasRoom(result, end, TICK_BYTES)) break;
                (, uint256 gross, uint256 net) = _readTwo(pool, 0xf30dba93, next * spacing); // ticks(int24)
                end = _tick(end, next * spacing, net, gross);
                ++next;
                // Two shifts: a shift by 256, after bit 255, is defined, but `skip + 1` reads less plainly.
                bitmap = (bitmap >> skip) >> 1;
                if (bitmap == 0) next = (((next - 1) >> 8) + 1) << 8;
            }
            if (bitmap != 0) break;
        }
        complete = next > last;
    }

    /// @dev Appends the ticks of a list, from the tick `first` on. Its two ends are in it with or without liquidity.
    function _list(uint256 result, uint256 position, address pool, int256 first) private view returns (uint256 end, bool complete, int256 next) {
        end = position;
        next = first < -MAX_TICK ? -MAX_TICK : first;
        while (!complete) {
            if (!_hasRoom(result, end, TICK_BYTES)) break;
            (uint256 words, uint256 gross, uint256 net,, uint256 following) = _readFour(pool, 0xf30dba93, next); // ticks(int24)
            if (words >= 4 && gross != 0) end = _tick(end, next, net, gross);
            // The highest tick's successor is itself.
            complete = words < 4 || int256(following) <= next || int256(following) > MAX_TICK;
            next = int256(following);
        }
    }

    /// @dev Writes all of the pool's record but the number of ticks. Not ok for one without ticks: not initialised, or no pool of this kind, which leaves all fields zero.
    function _head(uint256 position, address pool, uint256 kind) private view returns (bool ok, int256 spacing) {
        _write(position, 20, uint160(pool));
        bool initialized;
        bool readable;
        {
            (uint256 words, uint256 sqrtPriceX96, uint256 tick, uint256 third, uint256 fourth) =
                _readFour(pool, kind == SLOT0 ? 0x3850c7bd : 0xe76c01e4, 0); // slot0(), globalState()
            initialized = sqrtPriceX96 != 0;
            readable = words >= 4 && words <= type(uint8).max && sqrtPriceX96 <= type(uint160).max;
            _write(position + 66, 20, sqrtPriceX96);
            _write(position + 86, 3, tick);
            _write(position + 105, 3, third);
            _write(position + 108, 3, fourth);
            _write(position + 111, 1, words);
        }
        uint256 value;
        (ok, value) = _read(pool, 0x0dfe1681, 0); // token0()
        readable = readable && ok;
        _write(position + 20, 20, value);
        (ok, value) = _read(pool, 0xd21220a7, 0); // token1()
        readable = readable && ok;
        _write(position + 40, 20, value);
        (ok, value) = _read(pool, 0xda3c300d, 0); // currentFee()
        if (!ok) (ok, value) = _read(pool, 0xddca3f43, 0); // fee()
        if (!ok) value = NO_FEE;
        readable = readable && (!ok || value < NO_FEE);
        _write(position + 60, 3, value);
        (ok, value) = _read(pool, 0xd0c93a7c, 0); // tickSpacing()
        readable = readable && ok;
        spacing = int256(value);
        _write(position + 63, 3, value);
        (ok, value) = _read(pool, 0x1a686502, 0); // liquidity()
        readable = readable && ok && value <= type(uint128).max;
        _write(position + 89, 16, value);
        _write(position + TICK_COUNT_AT, 2, 0);
        (ok,) = kind == LIST ? _read(pool, 0xf30dba93, -MAX_TICK) : _read(pool, _tableSelector(kind), 0); // present, so that an empty one means empty

        ok = ok && readable && spacing > 0 && spacing <= MAX_TICK;
        if (!ok) {
            _write(position + 20, 32, 0);
            _write(position + 52, 32, 0);
            _write(position + 82, 30, 0);
        }
        ok = ok && initialized;
    }

    function _tick(uint256 position, int256 tick, uint256 net, uint256 gross) private pure returns (uint256 end) {
        _write(position, 3, uint256(tick));
        _write(position + 3, 16, net);
        _write(position + 19, 16, gross);
        return position + TICK_BYTES;
    }

    function _tableSelector(uint256 kind) private pure returns (uint256) {
        return kind == SLOT0 ? 0x5339c296 : 0xc677e3e0; // tickBitmap(int16), tickTable(int16)
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

    /// @dev Its first four words, and how many it has in all. Meaningless words where it has fewer than four.
    function _readFour(address target, uint256 selector, int256 argument)
        private
        view
        returns (uint256 words, uint256 first, uint256 second, uint256 third, uint256 fourth)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(0x00, selector)
            mstore(0x20, argument)
            let ok := staticcall(gas(), target, 0x1c, 0x24, free, 0x80)
            words := mul(ok, shr(5, returndatasize()))
            first := mload(free)
            second := mload(add(free, 0x20))
            third := mload(add(free, 0x40))
            fourth := mload(add(free, 0x60))
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
