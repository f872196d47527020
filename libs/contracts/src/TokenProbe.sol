// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

interface IToken {
    function balanceOf(address owner) external view returns (uint256);
}

/// @dev Someone else, to send tokens to and get them back from.
contract Friend {
    function send(address token, address to, uint256 amount) external returns (bool ok) {
        return Transfers.send(token, to, amount);
    }
}

library Transfers {
    /// @dev `transfer(address,uint256)` as ERC-20 has it, and as tokens have it that return nothing.
    function send(address token, address to, uint256 amount) internal returns (bool ok) {
        bytes memory returned;
        (ok, returned) = token.call(abi.encodeWithSelector(0xa9059cbb, to, amount));
        if (ok && returned.length != 0) ok = abi.decode(returned, (uint256)) == 1;
    }
}

/// @title TokenProbe: what a token does to a transfer out of a pool and back into it.
///
/// @notice Stands in for a pool's code in one `eth_call` (state override), so that the pool's own balance can be sent about: to a stranger, and back, as a
/// purchase and a sale would. Nothing is assumed of where the token keeps balances.
contract TokenProbe {
    /// @return paid Taken from the pool by the first transfer, `received` by the stranger; `returned` taken from the stranger by the second, `arrived` at the pool.
    /// @dev A transfer that is refused ends the probe; everything after it stays zero.
    function probe(address token, uint256 amount) external returns (uint256 paid, uint256 received, uint256 returned, uint256 arrived) {
        IToken erc20 = IToken(token);
        Friend friend = new Friend();
        uint256 before = erc20.balanceOf(address(this));
        if (!Transfers.send(token, address(friend), amount)) return (0, 0, 0, 0);
        uint256 between = erc20.balanceOf(address(this));
        paid = before - between;
        received = erc20.balanceOf(address(friend));
        if (!friend.send(token, address(this), received)) return (paid, received, 0, 0);
        returned = received - erc20.balanceOf(address(friend));
        arrived = erc20.balanceOf(address(this)) - between;
    }
}
