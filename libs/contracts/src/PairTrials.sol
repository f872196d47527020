// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IPair {
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;
    function skim(address to) external;
}

/// @title PairTrials: which amounts constant-product pairs pay for an input, many at once.
///
/// @notice Stands in for an account's code in one `eth_call` (state override) that is given balances of the tokens. Each trial pays a pair and takes from it as a
/// router would, and is undone before the next.
contract PairTrials {
    struct Trial {
        address pair;
        address tokenIn;
        uint256 amountIn;
        uint256 amount0Out;
        uint256 amount1Out;
    }

    error Paid();

    /// @dev Where surplus goes: not a token, not a pair.
    address private constant NOWHERE = 0x000000000000000000000000000000000000dEaD;

    /// @return refusals Empty for a trial that passed, else what it was refused with; a refusal without a word is the single byte 0.
    function run(Trial[] calldata trials) external returns (bytes[] memory refusals) {
        refusals = new bytes[](trials.length);
        for (uint256 i; i < trials.length; ++i) {
            try this.attempt(trials[i]) {}
            catch (bytes memory thrown) {
                if (bytes4(thrown) == Paid.selector) continue;
                refusals[i] = thrown.length == 0 ? new bytes(1) : thrown;
            }
        }
    }

    /// @dev Always reverts: with `Paid`, or with why not.
    function attempt(Trial calldata trial) external {
        // What somebody left in the pair beyond its reserves would count as paid. Pairs without `skim` have nothing to skim with.
        (bool skimmed,) = trial.pair.call(abi.encodeCall(IPair.skim, (NOWHERE)));
        skimmed;
        (bool sent, bytes memory returned) = trial.tokenIn.call(abi.encodeWithSelector(0xa9059cbb, trial.pair, trial.amountIn));
        require(sent && (returned.length == 0 || abi.decode(returned, (bool))), "transfer refused");
        IPair(trial.pair).swap(trial.amount0Out, trial.amount1Out, address(this), "");
        revert Paid();
    }
}
