// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// A plain ERC-20 that anyone may mint. Local chain only: it stands at the recorded addresses of real tokens, so that pools keep their token order.
///
/// Its code is put there by the genesis file and its first three slots are filled with name, symbol and decimals, so it has no constructor. The storage
/// layout is part of its interface: see libs/localnet/genesis.ts.
contract LocalToken {
    string public name; // slot 0
    string public symbol; // slot 1
    uint8 public decimals; // slot 2
    uint256 public totalSupply; // slot 3
    mapping(address owner => uint256) public balanceOf; // slot 4
    mapping(address owner => mapping(address spender => uint256)) public allowance; // slot 5

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    error InsufficientBalance(address owner, uint256 balance, uint256 needed);
    error InsufficientAllowance(address spender, uint256 allowance, uint256 needed);

    function mint(address to, uint256 amount) external {
        totalSupply += amount;
        unchecked {
            balanceOf[to] += amount; // cannot exceed totalSupply, which was checked
        }
        emit Transfer(address(0), to, amount);
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _transfer(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed != type(uint256).max) {
            if (allowed < amount) revert InsufficientAllowance(msg.sender, allowed, amount);
            unchecked {
                allowance[from][msg.sender] = allowed - amount;
            }
        }
        _transfer(from, to, amount);
        return true;
    }

    function _transfer(address from, address to, uint256 amount) private {
        uint256 balance = balanceOf[from];
        if (balance < amount) revert InsufficientBalance(from, balance, amount);
        unchecked {
            balanceOf[from] = balance - amount;
            balanceOf[to] += amount;
        }
        emit Transfer(from, to, amount);
    }
}
