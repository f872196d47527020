// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// Tokens that pools' mathematics does not hold for, and one that only looks odd. For tests of who keeps them out.
contract OddToken {
    enum Oddity {
        ReturnsNothing,
        TaxesEveryone,
        TaxesSales,
        Paused,
        RefusesSales,
        EarnsInterest
    }

    Oddity public immutable oddity;
    /// The pool that sales go to.
    address public immutable pool;
    uint256 private immutable since = block.timestamp;
    mapping(address owner => uint256) private shares;

    error TransfersArePaused();
    error NotForSale();

    constructor(Oddity oddity_, address pool_, uint256 amount) {
        oddity = oddity_;
        pool = pool_;
        shares[pool_] = amount;
    }

    function balanceOf(address owner) public view returns (uint256) {
        uint256 interest = oddity == Oddity.EarnsInterest ? shares[owner] * (block.timestamp - since) / 3650 days : 0;
        return shares[owner] + interest;
    }

    /// As Tether's, without a return value.
    function transfer(address to, uint256 amount) external {
        if (oddity == Oddity.Paused) revert TransfersArePaused();
        if (oddity == Oddity.RefusesSales && to == pool) revert NotForSale();
        bool taxed = oddity == Oddity.TaxesEveryone || (oddity == Oddity.TaxesSales && to == pool);
        shares[msg.sender] -= amount;
        shares[to] += taxed ? amount - amount / 100 : amount;
    }
}
