// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

interface IPluginPool {
    function globalState() external view returns (uint160 price, int24 tick);
    function setPluginConfig(uint8 newConfig) external;
}

/// Plugin, and factory of plugins, of all Algebra Integral pools of the local chain: a fee that follows the price, set anew by the first swap of each block
/// time, so that no event tells it before. Algebra's own plugin does the same with the volatility of a day, which is too long for a chain that lives minutes.
contract AlgebraFeePlugin {
    /// 1e-6 units, as all fees here.
    uint256 public constant LOWEST_FEE = 500;
    uint256 public constant HIGHEST_FEE = 10_000;
    /// A tick is some 100 of these units: a quarter of the move goes to the liquidity providers.
    uint256 public constant FEE_PER_TICK = 25;

    /// Plugins.sol (integral-core): BEFORE_SWAP_FLAG and DYNAMIC_FEE.
    uint8 private constant CONFIG = 1 | (1 << 7);

    /// As the first swap of the last block time with one found and set it.
    struct Seen {
        uint64 time;
        int24 tick;
        uint24 fee;
    }

    mapping(address pool => Seen) public seen;

    function beforeCreatePoolHook(address, address, address, address, address, bytes calldata) external view returns (address) {
        return address(this);
    }

    function afterCreatePoolHook(address, address, address) external pure {}

    function defaultPluginConfig() external pure returns (uint8) {
        return CONFIG;
    }

    function beforeInitialize(address, uint160) external returns (bytes4) {
        IPluginPool(msg.sender).setPluginConfig(CONFIG);
        (, int24 tick) = IPluginPool(msg.sender).globalState();
        seen[msg.sender] = Seen(uint64(block.timestamp), tick, uint24(LOWEST_FEE));
        return this.beforeInitialize.selector;
    }

    /// The pool charges `feeOverride` instead of the fee that it has.
    function beforeSwap(address, address, bool, int256, uint160, bool, bytes calldata)
        external
        returns (bytes4 selector, uint24 feeOverride, uint24 pluginFee)
    {
        Seen memory last = seen[msg.sender];
        if (last.time != block.timestamp) {
            (, int24 tick) = IPluginPool(msg.sender).globalState();
            int256 move = int256(tick) - last.tick;
            uint256 fee = LOWEST_FEE + FEE_PER_TICK * uint256(move < 0 ? -move : move);
            last = Seen(uint64(block.timestamp), tick, uint24(fee < HIGHEST_FEE ? fee : HIGHEST_FEE));
            seen[msg.sender] = last;
        }
        return (this.beforeSwap.selector, last.fee, 0);
    }
}
