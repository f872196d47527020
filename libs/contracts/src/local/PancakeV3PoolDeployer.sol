// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

/// The contract that PancakeSwap V3's factory has its pools made by, which the package with the factory leaves out. Local chain only: anyone may deploy.
contract PancakeV3PoolDeployer {
    struct Parameters {
        address factory;
        address token0;
        address token1;
        uint24 fee;
        int24 tickSpacing;
    }

    /// Asked by the pool's constructor.
    Parameters public parameters;
    /// Holds the pool's creation code as its own code, after a byte that keeps it from being run.
    address private immutable creationCode;

    constructor(bytes memory poolCreationCode) {
        bytes memory code = bytes.concat(hex"00", poolCreationCode);
        // PUSH2 size, DUP1, PUSH1 10, PUSH1 0, CODECOPY, PUSH1 0, RETURN
        bytes memory creation = bytes.concat(hex"61", bytes2(uint16(code.length)), hex"80600a5f395ff3", code);
        address holder;
        assembly ("memory-safe") {
            holder := create(0, add(creation, 0x20), mload(creation))
        }
        require(holder != address(0), "no room for the pool's code");
        creationCode = holder;
    }

    function deploy(address factory, address token0, address token1, uint24 fee, int24 tickSpacing) external returns (address pool) {
        parameters = Parameters(factory, token0, token1, fee, tickSpacing);
        bytes32 salt = keccak256(abi.encode(token0, token1, fee));
        address holder = creationCode;
        assembly ("memory-safe") {
            let code := mload(0x40)
            let size := sub(extcodesize(holder), 1)
            extcodecopy(holder, code, 1, size)
            pool := create2(0, code, size, salt)
        }
        require(pool != address(0), "no pool");
        delete parameters;
    }
}
