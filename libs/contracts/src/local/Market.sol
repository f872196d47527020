// SPDX-License-Identifier: MIT
pragma solidity ^0.8.37;

interface IToken {
    function mint(address to, uint256 amount) external;
    function transfer(address to, uint256 amount) external returns (bool);
    function approve(address spender, uint256 amount) external returns (bool);
}

interface IWrappedNative is IToken {
    function deposit() external payable;
}

interface IPairFactory {
    function createPair(address tokenA, address tokenB) external returns (address pair);
}

interface IPair {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 blockTimestampLast);
    function mint(address to) external returns (uint256 liquidity);
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;
}

interface IPoolFactory {
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address pool);
}

interface IPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function liquidity() external view returns (uint128);
    // Of slot0 and ticks only what all forks begin with.
    function slot0() external view returns (uint160 sqrtPriceX96, int24 tick);
    function ticks(int24 tick) external view returns (uint256 liquidityGross, int128 liquidityNet);
    function initialize(uint160 sqrtPriceX96) external;
    function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes calldata data)
        external
        returns (uint256 amount0, uint256 amount1);
    function swap(address recipient, bool zeroForOne, int256 amountSpecified, uint160 sqrtPriceLimitX96, bytes calldata data)
        external
        returns (int256 amount0, int256 amount1);
}

interface IAlgebraFactory {
    function createPool(address tokenA, address tokenB, bytes calldata data) external returns (address pool);
}

interface IAlgebraPool {
    function globalState() external view returns (uint160 price, int24 tick);
    function mint(
        address leftoversRecipient,
        address recipient,
        int24 bottomTick,
        int24 topTick,
        uint128 liquidityDesired,
        bytes calldata data
    ) external returns (uint256 amount0, uint256 amount1, uint128 liquidityActual);
}

interface IVault {
    struct SingleSwap {
        bytes32 poolId;
        uint8 kind;
        address assetIn;
        address assetOut;
        uint256 amount;
        bytes userData;
    }

    struct FundManagement {
        address sender;
        bool fromInternalBalance;
        address recipient;
        bool toInternalBalance;
    }

    struct JoinPoolRequest {
        address[] assets;
        uint256[] maxAmountsIn;
        bytes userData;
        bool fromInternalBalance;
    }

    function joinPool(bytes32 poolId, address sender, address recipient, JoinPoolRequest calldata request) external payable;
    function swap(SingleSwap calldata singleSwap, FundManagement calldata funds, uint256 limit, uint256 deadline)
        external
        payable
        returns (uint256 amountCalculated);
    function getPoolTokenInfo(bytes32 poolId, address token)
        external
        view
        returns (uint256 cash, uint256 managed, uint256 lastChangeBlock, address assetManager);
}

/// Loads a recorded market into real pools, and trades in them on anyone's order. Local chain only: it mints what it pays with and keeps what it gets, and
/// it pays whoever calls back. Never deploy it where tokens have a value.
contract Market {
    IWrappedNative public immutable wrappedNative;

    constructor(address wrappedNative_) payable {
        wrappedNative = IWrappedNative(wrappedNative_);
        IWrappedNative(wrappedNative_).deposit{value: msg.value}();
    }

    struct PairSpec {
        address factory;
        address token0;
        address token1;
        uint256 reserve0;
        uint256 reserve1;
    }

    /// Creates constant-product pairs and funds each with exactly its reserves.
    function loadPairs(PairSpec[] calldata specs) external {
        for (uint256 i = 0; i < specs.length; i++) {
            PairSpec calldata spec = specs[i];
            address pair = IPairFactory(spec.factory).createPair(spec.token0, spec.token1);
            _pay(spec.token0, pair, spec.reserve0);
            _pay(spec.token1, pair, spec.reserve1);
            IPair(pair).mint(address(this));
        }
    }

    /// Creates and initialises one pool of Uniswap V3 or PancakeSwap V3, then mints its positions.
    /// @param positions 22 bytes each: int24 lower tick, int24 upper tick, uint128 liquidity, big-endian
    function loadPool(address factory, address token0, address token1, uint24 fee, uint160 sqrtPriceX96, bytes calldata positions)
        external
    {
        _fill(IPoolFactory(factory).createPool(token0, token1, fee), sqrtPriceX96, positions);
    }

    /// The same for a pool of Algebra, whose fee nobody chooses.
    function loadAlgebraPool(address factory, address token0, address token1, uint160 sqrtPriceX96, bytes calldata positions) external {
        _fill(IAlgebraFactory(factory).createPool(token0, token1, ""), sqrtPriceX96, positions);
    }

    /// Adds positions to a pool: what did not fit into one transaction.
    function mintPositions(address pool, bytes calldata positions) public {
        bytes memory data = abi.encode(IPool(pool).token0(), IPool(pool).token1());
        (,, bool isAlgebra) = _stateOf(pool);
        for (uint256 offset = 0; offset < positions.length; offset += 22) {
            int24 lower = int24(uint24(bytes3(positions[offset:offset + 3])));
            int24 upper = int24(uint24(bytes3(positions[offset + 3:offset + 6])));
            uint128 liquidity = uint128(bytes16(positions[offset + 6:offset + 22]));
            if (isAlgebra) IAlgebraPool(pool).mint(address(this), address(this), lower, upper, liquidity, data);
            else IPool(pool).mint(address(this), lower, upper, liquidity, data);
        }
    }

    function _fill(address pool, uint160 sqrtPriceX96, bytes calldata positions) private {
        IPool(pool).initialize(sqrtPriceX96);
        mintPositions(pool, positions);
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        _payMint(amount0, amount1, data);
    }

    function pancakeV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        _payMint(amount0, amount1, data);
    }

    function algebraMintCallback(uint256 amount0, uint256 amount1, bytes calldata data) external {
        _payMint(amount0, amount1, data);
    }

    function _payMint(uint256 amount0, uint256 amount1, bytes calldata data) private {
        (address token0, address token1) = abi.decode(data, (address, address));
        if (amount0 > 0) _pay(token0, msg.sender, amount0);
        if (amount1 > 0) _pay(token1, msg.sender, amount1);
    }

    /// The first join of a Balancer V2 weighted pool (JoinKind.INIT).
    function joinWeighted(address vault, bytes32 poolId, address[] calldata tokens, uint256[] calldata balances) external {
        for (uint256 i = 0; i < tokens.length; i++) {
            _pay(tokens[i], address(this), balances[i]);
            IToken(tokens[i]).approve(vault, balances[i]);
        }
        IVault.JoinPoolRequest memory request = IVault.JoinPoolRequest(tokens, balances, abi.encode(uint256(0), balances), false);
        IVault(vault).joinPool(poolId, address(this), address(this), request);
    }

    /// Sells `amountIn` to a constant-product pair for what the pair pays at `feeBps`.
    function swapV2(address pair, bool zeroForOne, uint256 amountIn, uint256 feeBps) external {
        (uint256 reserve0, uint256 reserve1,) = IPair(pair).getReserves();
        (uint256 reserveIn, uint256 reserveOut) = zeroForOne ? (reserve0, reserve1) : (reserve1, reserve0);
        uint256 amountInLessFee = amountIn * (10_000 - feeBps);
        uint256 amountOut = (amountInLessFee * reserveOut) / (reserveIn * 10_000 + amountInLessFee);
        _pay(zeroForOne ? IPair(pair).token0() : IPair(pair).token1(), pair, amountIn);
        IPair(pair).swap(zeroForOne ? 0 : amountOut, zeroForOne ? amountOut : 0, address(this), "");
    }

    /// Sells up to `amountIn` to a concentrated-liquidity pool, stopping at the price limit.
    function swapV3(address pool, bool zeroForOne, uint256 amountIn, uint160 sqrtPriceLimitX96) external {
        address tokenIn = zeroForOne ? IPool(pool).token0() : IPool(pool).token1();
        IPool(pool).swap(address(this), zeroForOne, int256(amountIn), sqrtPriceLimitX96, abi.encode(tokenIn));
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        _paySwap(amount0, amount1, data);
    }

    function pancakeV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        _paySwap(amount0, amount1, data);
    }

    function algebraSwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        _paySwap(amount0, amount1, data);
    }

    function _paySwap(int256 amount0, int256 amount1, bytes calldata data) private {
        address tokenIn = abi.decode(data, (address));
        _pay(tokenIn, msg.sender, uint256(amount0 > 0 ? amount0 : amount1));
    }

    /// Sells `amountIn` in a pool of a Balancer V2 vault (SwapKind.GIVEN_IN).
    function swapVault(address vault, bytes32 poolId, address tokenIn, address tokenOut, uint256 amountIn) external {
        _pay(tokenIn, address(this), amountIn);
        IToken(tokenIn).approve(vault, amountIn);
        IVault.FundManagement memory funds = IVault.FundManagement(address(this), false, address(this), false);
        IVault(vault).swap(IVault.SingleSwap(poolId, 0, tokenIn, tokenOut, amountIn, ""), funds, 0, block.timestamp);
    }

    /// Uses up `amount` gas and no time: stands for the rest of the block, which has nothing to do with our pools but moves the base fee.
    function restOfBlock(uint256 amount) external view {
        try this.useUp{gas: amount}() {} catch {}
    }

    function useUp() external pure {
        assembly ("memory-safe") {
            invalid()
        }
    }

    /// Reserves of many pairs, two words each.
    function pairStates(address[] calldata pairs) external view returns (uint256[] memory words) {
        words = new uint256[](2 * pairs.length);
        for (uint256 i = 0; i < pairs.length; i++) {
            (words[2 * i], words[2 * i + 1],) = IPair(pairs[i]).getReserves();
        }
    }

    /// Square-root price, tick and active liquidity of many pools, three words each.
    function poolStates(address[] calldata pools) external view returns (uint256[] memory words) {
        words = new uint256[](3 * pools.length);
        for (uint256 i = 0; i < pools.length; i++) {
            (uint160 sqrtPriceX96, int24 tick,) = _stateOf(pools[i]);
            words[3 * i] = sqrtPriceX96;
            words[3 * i + 1] = uint256(int256(tick));
            words[3 * i + 2] = IPool(pools[i]).liquidity();
        }
    }

    /// Balances of two tokens each of many pools of a Balancer V2 vault, two words a pool.
    function vaultStates(address vault, bytes32[] calldata poolIds, address[] calldata tokens0, address[] calldata tokens1)
        external
        view
        returns (uint256[] memory words)
    {
        words = new uint256[](2 * poolIds.length);
        for (uint256 i = 0; i < poolIds.length; i++) {
            (words[2 * i],,,) = IVault(vault).getPoolTokenInfo(poolIds[i], tokens0[i]);
            (words[2 * i + 1],,,) = IVault(vault).getPoolTokenInfo(poolIds[i], tokens1[i]);
        }
    }

    /// Net liquidity at many ticks of one pool.
    function liquidityNets(address pool, int24[] calldata ticks) external view returns (int256[] memory nets) {
        nets = new int256[](ticks.length);
        for (uint256 i = 0; i < ticks.length; i++) {
            (, nets[i]) = IPool(pool).ticks(ticks[i]);
        }
    }

    /// Algebra alone has no slot0.
    function _stateOf(address pool) private view returns (uint160 sqrtPriceX96, int24 tick, bool isAlgebra) {
        try IPool(pool).slot0() returns (uint160 sqrtPriceX96_, int24 tick_) {
            return (sqrtPriceX96_, tick_, false);
        } catch {
            (sqrtPriceX96, tick) = IAlgebraPool(pool).globalState();
            isAlgebra = true;
        }
    }

    function _pay(address token, address to, uint256 amount) private {
        if (token != address(wrappedNative)) IToken(token).mint(to, amount);
        else if (to != address(this)) IToken(token).transfer(to, amount);
    }
}
