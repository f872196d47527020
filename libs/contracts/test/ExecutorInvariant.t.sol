// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20, IV2Pair, IV3Pool, IVault, Protocols, TestToken} from "./Protocols.sol";
import {HostilePair, HostilePool, ICallbacks} from "./ExecutorAttack.t.sol";
import {IExecutor} from "../src/interfaces/IExecutor.sol";

/// Drives the executor as a careless or hostile operator would, with a market that moves, and as strangers would.
contract Handler is Protocols {
    address[3] public tokens; // WETH, USD, DAI
    address[] public pools; // V2 first
    uint256 public pairCount;
    uint256 public successes;
    uint256 public failures;
    HostilePool internal hostilePool;
    HostilePair internal hostilePair;

    /// Not a constructor: minting into V3 pools calls back.
    function build() external {
        deployProtocols();
        address usd = address(new TestToken());
        address dai = address(new TestToken());
        tokens = [weth, usd, dai];
        pools.push(newPair(v2Factory, weth, 1_000e18, usd, 2_000_000e18));
        pools.push(newPair(otherV2Factory, weth, 1_000e18, usd, 2_030_000e18));
        pools.push(newPair(v2Factory, usd, 1_000_000e18, dai, 1_010_000e18));
        pools.push(newPair(v2Factory, weth, 500e18, dai, 1_000_000e18));
        pairCount = pools.length;
        pools.push(newPool(weth, 1_000e18, usd, 2_000_000e18, 3000));
        pools.push(newPool(weth, 1_000e18, dai, 2_060_000e18, 500));
        pools.push(newPool(usd, 1_000_000e18, dai, 1_000_000e18, 500));
        hostilePool = new HostilePool();
        hostilePair = new HostilePair();
        for (uint256 i; i < 3; ++i) {
            give(tokens[i], address(vault), 1_000_000e18);
            give(tokens[i], address(executor), 1_000e18);
        }
        vm.deal(address(executor), 10e18);
    }

    function theExecutor() external view returns (IExecutor) {
        return executor;
    }

    function attempt(Plan memory plan) private {
        uint256[3] memory before;
        for (uint256 i; i < 3; ++i) before[i] = IERC20(tokens[i]).balanceOf(address(executor));
        vm.prank(operator);
        try executor.execute(encode(plan)) {
            ++successes;
        } catch {
            ++failures;
        }
        // Stricter than the invariant below: what earlier plans earned is as safe as what was there at first.
        for (uint256 i; i < 3; ++i) require(IERC20(tokens[i]).balanceOf(address(executor)) >= before[i], "a balance fell");
    }

    function other(address pool, address token) private view returns (address) {
        address token0 = IV2Pair(pool).token0();
        return token0 == token ? IV3Pool(pool).token1() : token0;
    }

    function has(address pool, address token) private view returns (bool) {
        return IV2Pair(pool).token0() == token || IV3Pool(pool).token1() == token;
    }

    /// A real cycle through two or three random pools, sized and quoted properly, right or wrong way round.
    function cycle(uint256 seed, uint128 size, uint64 builder) external {
        address loanToken = tokens[seed % 3];
        Plan memory plan = newPlan(loanToken, bound(size, 1e15, 20e18));
        for (uint256 i; i < 3; ++i) if (tokens[i] != loanToken) alsoPays(plan, tokens[i]);
        if (loanToken == weth && builder % 4 == 0) plan.builderPayment = builder % 1e16;
        address token = loanToken;
        uint256 amount = plan.loanAmount;
        for (uint256 hop; hop < 3; ++hop) {
            seed = uint256(keccak256(abi.encode(seed)));
            address pool = pools[seed % pools.length];
            for (uint256 i; i < pools.length && !(has(pool, token) && (hop == 0 || has(pool, loanToken))); ++i) pool = pools[(seed % pools.length + i) % pools.length];
            bool isPair = false;
            for (uint256 i; i < pairCount; ++i) isPair = isPair || pools[i] == pool;
            uint8 index = 0;
            for (uint8 i; i < 3; ++i) if (plan.tokens[i] == token) index = i;
            uint256 out = isPair ? quoteV2(pool, zeroForOneOf(pool, token), amount) : quoteV3(pool, zeroForOneOf(pool, token), amount);
            plan.commands = bytes.concat(
                plan.commands, isPair ? v2Pay(pool, token, index, amount, out, 0) : v3(pool, token, index, amount, out, 0)
            );
            token = other(pool, token);
            amount = out;
            if (token == loanToken) break;
        }
        attempt(plan);
    }

    /// Any commands at all over real and hostile pools, with any flags, paying from anything.
    function chaos(uint256 seed, uint8 count, uint128 amount) external {
        Plan memory plan = newPlan(tokens[seed % 3], bound(amount, 1, 100e18));
        if (seed & 8 != 0) alsoPays(plan, tokens[(seed % 3 + 1) % 3]);
        if (seed & 16 != 0) alsoPays(plan, tokens[(seed % 3 + 2) % 3]);
        hostilePool.setUp(
            int256(bound(amount, 0, 50e18)), int256(int128(uint128(seed))), seed % 3, ICallbacks.uniswapV3SwapCallback.selector
        );
        for (uint256 i; i < count % 6; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 which = seed % (pools.length + 2);
            address pool = which < pools.length ? pools[which] : which == pools.length ? address(hostilePool) : address(hostilePair);
            uint8 flags = uint8(seed >> 8);
            uint128 first = uint128(bound(seed >> 16, 0, 30e18));
            uint128 second = uint128(bound(seed >> 64, 0, 30e18));
            plan.commands = flags & (V3 | PAY) == 0
                ? bytes.concat(plan.commands, abi.encodePacked(flags, pool, first))
                : bytes.concat(plan.commands, abi.encodePacked(flags, pool, first, second));
        }
        attempt(plan);
    }

    /// A gift to a pair makes a plan possible that takes it out again.
    function moveMarket(uint256 seed, uint128 amount) external {
        address pool = pools[seed % pools.length];
        uint256 size = bound(amount, 1e15, 50e18);
        address token = seed & 64 == 0 ? IV2Pair(pool).token0() : IV3Pool(pool).token1();
        bool zeroForOne = zeroForOneOf(pool, token);
        if (seed % pools.length >= pairCount) {
            IV3Pool(pool).swap(address(this), zeroForOne, int256(size), zeroForOne ? MIN_LIMIT : MAX_LIMIT, "");
        } else {
            uint256 out = quoteV2(pool, zeroForOne, size);
            give(token, pool, size);
            IV2Pair(pool).swap(zeroForOne ? 0 : out, zeroForOne ? out : 0, address(this), "");
        }
    }

    function strangersLoan(uint256 seed, bytes calldata plan) external {
        address[] memory one = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (one[0], amounts[0]) = (tokens[seed % 3], seed % 1_000e18);
        vm.prank(stranger);
        (bool ok,) = address(vault).call(abi.encodeCall(IVault.flashLoan, (address(executor), one, amounts, plan)));
        require(!ok, "a stranger's loan went through");
    }

    function strangersCallback(int256 amount0, int256 amount1, uint8 which) external {
        vm.prank(which % 2 == 0 ? stranger : pools[pairCount]);
        (bool ok,) = address(executor).call(abi.encodeCall(ICallbacks.uniswapV3SwapCallback, (amount0, amount1, "")));
        require(!ok, "a stranger's callback went through");
    }
}

contract ExecutorInvariantTest is Protocols {
    Handler internal handler;
    IExecutor internal watched;
    uint256[3] internal start;

    function setUp() public {
        handler = new Handler();
        handler.build();
        watched = handler.theExecutor();
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = Handler.cycle.selector;
        selectors[1] = Handler.chaos.selector;
        selectors[2] = Handler.moveMarket.selector;
        selectors[3] = Handler.strangersLoan.selector;
        selectors[4] = Handler.strangersCallback.selector;
        selectors[5] = Handler.cycle.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    /// No sequence of plans, however hostile, takes anything of what the contract held; native coin included.
    function invariant_held_balances_never_fall() public view {
        for (uint256 i; i < 3; ++i) assertGe(IERC20(handler.tokens(i)).balanceOf(address(watched)), 1_000e18);
        assertEq(address(watched).balance, 10e18);
    }

    function invariant_roles_stay() public view {
        assertEq(watched.owner(), owner);
        assertEq(watched.pendingOwner(), address(0));
        assertTrue(watched.isOperator(operator));
        assertFalse(watched.paused());
    }

    /// Guards against a vacuous run: the same handler does get plans through.
    function test_handler_is_not_vacuous() public {
        for (uint256 i; i < 60; ++i) {
            handler.cycle(uint256(keccak256(abi.encode(i))), uint128(1e18 * (i % 10 + 1)), uint64(i));
            handler.moveMarket(uint256(keccak256(abi.encode(i, "move"))), uint128(20e18));
        }
        assertGt(handler.successes(), 5);
        assertGt(handler.failures(), 5);
        invariant_held_balances_never_fall();
    }
}
