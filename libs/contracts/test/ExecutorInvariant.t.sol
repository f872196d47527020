// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FundManagement, IERC20, IV2Pair, IV3Pool, IVault, Protocols, SingleSwap, TestToken} from "./Protocols.sol";
import {CurveCryptoDouble, CurveDouble, CurveStableDouble} from "./Doubles.sol";
import {callbackOf, HostilePair, HostilePool, HostileTaker, ICallbacks, NAMES} from "./ExecutorAttack.t.sol";
import {IExecutor} from "../src/interfaces/IExecutor.sol";

/// Drives the executor as a careless or hostile operator would, with a market that moves, and as strangers would.
contract Handler is Protocols {
    struct Venue {
        uint8 form; // with UINT256_INDICES where it applies
        address target;
        bytes32 poolId;
        address token0; // in a Curve pool: coin 0
        address token1;
    }

    address[3] public tokens; // WETH, USD, DAI
    Venue[] public venues;
    /// Whoever a command may name: the venues' targets, hostile contracts, the lender, the executor itself, a token.
    address[] public targets;
    uint256 public successes;
    uint256 public failures;
    /// Successful cycles by the form of their first and second swap.
    mapping(uint8 form => uint256) public used;
    HostilePool internal hostilePool;
    HostilePair internal hostilePair;
    HostileTaker internal hostileTaker;

    /// Not a constructor: minting into V3 pools calls back.
    function build() external {
        deployProtocols();
        address usd = address(new TestToken());
        address dai = address(new TestToken());
        tokens = [weth, usd, dai];
        addSorted(V2, newPair(v2Factory, weth, 1_000e18, usd, 2_000_000e18), weth, usd);
        addSorted(V2, newPair(otherV2Factory, weth, 1_000e18, usd, 2_030_000e18), weth, usd);
        addSorted(V2, newPair(v2Factory, usd, 1_000_000e18, dai, 1_010_000e18), usd, dai);
        addSorted(V2, newPair(v2Factory, weth, 500e18, dai, 1_000_000e18), weth, dai);
        addSorted(V3, newPool(weth, 1_000e18, usd, 2_000_000e18, 3000), weth, usd);
        addSorted(V3, newPancakePool(weth, 1_000e18, dai, 2_060_000e18), weth, dai);
        addSorted(V3, newAlgebraPool(usd, 1_000_000e18, dai, 1_000_000e18), usd, dai);
        venues.push(Venue(BALANCER_V2, address(swapVault), newWeightedPool(weth, 1_000e18, usd, 2_060_000e18), weth, usd));
        venues.push(Venue(BALANCER_V2, address(swapVault), newWeightedPool(usd, 1_000_000e18, dai, 1_000_000e18), usd, dai));
        venues.push(Venue(CURVE, address(newCurvePool(false, usd, 10_000_000e18, dai, 10_000_000e18)), 0, usd, dai));
        venues.push(Venue(CURVE | UINT256_INDICES, address(newCurvePool(true, weth, 10_000e18, usd, 20_500_000e18)), 0, weth, usd));
        hostilePool = new HostilePool();
        hostilePair = new HostilePair();
        hostileTaker = new HostileTaker();
        for (uint256 i; i < venues.length; ++i) targets.push(venues[i].target);
        targets.push(address(hostilePool));
        targets.push(address(hostilePair));
        targets.push(address(hostileTaker));
        targets.push(address(vault));
        targets.push(address(executor));
        targets.push(weth);
        for (uint256 i; i < 3; ++i) {
            give(tokens[i], address(vault), 1_000_000e18);
            give(tokens[i], address(executor), 1_000e18);
        }
        vm.deal(address(executor), 10e18);
    }

    function addSorted(uint8 form, address pool, address tokenA, address tokenB) private {
        (address token0, address token1) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        venues.push(Venue(form, pool, 0, token0, token1));
    }

    function theExecutor() external view returns (IExecutor) {
        return executor;
    }

    function targetCount() external view returns (uint256) {
        return targets.length;
    }

    function attempt(Plan memory plan) private returns (bool succeeded) {
        uint256[3] memory before;
        for (uint256 i; i < 3; ++i) before[i] = IERC20(tokens[i]).balanceOf(address(executor));
        vm.prank(operator);
        try executor.execute(encode(plan)) {
            ++successes;
            succeeded = true;
        } catch {
            ++failures;
        }
        // Stricter than the invariant below: what earlier plans earned is as safe as what was there at first.
        for (uint256 i; i < 3; ++i) require(IERC20(tokens[i]).balanceOf(address(executor)) >= before[i], "a balance fell");
    }

    /// About as many of them as are worth one WETH.
    function unitOf(address token) private view returns (uint256) {
        return token == weth ? 1 : 2_000;
    }

    function has(Venue memory venue, address token) private pure returns (bool) {
        return venue.token0 == token || venue.token1 == token;
    }

    function command(Venue memory venue, address token, uint8 index, uint256 amountIn) private returns (bytes memory encoded, uint256 out) {
        bool zeroForOne = venue.token0 == token;
        if (venue.form == V2) {
            out = quoteV2(venue.target, zeroForOne, amountIn);
            return (v2(venue.target, token, index, amountIn, out), out);
        }
        if (venue.form == V3) {
            out = quoteV3(venue.target, zeroForOne, amountIn);
            return (v3(venue.target, token, index, amountIn, out), out);
        }
        if (venue.form == BALANCER_V2) {
            address tokenOut = zeroForOne ? venue.token1 : venue.token0;
            out = quoteBalancer(venue.poolId, token, tokenOut, amountIn);
            return (balancer(venue.target, venue.poolId, index, tokenOut, amountIn, out), out);
        }
        (uint8 i, uint8 j) = zeroForOne ? (0, 1) : (1, 0);
        out = CurveDouble(venue.target).dyOf(i, j, amountIn);
        return (curve(venue.target, venue.form & UINT256_INDICES, index, i, j, amountIn, out), out);
    }

    /// A real cycle through two or three random pools, sized and quoted properly, right or wrong way round.
    function cycle(uint256 seed, uint128 size, uint64 builder) external {
        address loanToken = tokens[seed % 3];
        Plan memory plan = newPlan(loanToken, bound(size, 1e15, 20e18) * unitOf(loanToken));
        for (uint256 i; i < 3; ++i) if (tokens[i] != loanToken) alsoPays(plan, tokens[i]);
        // Counted in a token that the cycle ends without, or in its own.
        plan.profitIndex = uint8((seed >> 248) % 4 == 0 ? (seed >> 240) % 3 : 0);
        if (plan.tokens[plan.profitIndex] == weth && builder % 4 == 0) plan.builderPayment = builder % 1e16;
        address token = loanToken;
        uint256 amount = plan.loanAmount;
        uint8[3] memory forms;
        for (uint256 hop; hop < 3; ++hop) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 which = seed % venues.length;
            for (uint256 i; i < venues.length; ++i) {
                if (has(venues[which], token) && (hop == 0 || has(venues[which], loanToken))) break;
                which = (which + 1) % venues.length;
            }
            uint8 index = 0;
            for (uint8 i; i < 3; ++i) if (plan.tokens[i] == token) index = i;
            Venue memory venue = venues[which];
            bytes memory encoded;
            (encoded, amount) = command(venue, token, index, amount);
            plan.commands = bytes.concat(plan.commands, encoded);
            forms[hop] = venue.form;
            token = venue.token0 == token ? venue.token1 : venue.token0;
            if (token == loanToken) break;
        }
        if (attempt(plan)) for (uint256 i; i < 3; ++i) ++used[forms[i]];
    }

    /// Any commands at all over real and hostile pools, with any details, paying from anything.
    function chaos(uint256 seed, uint8 count, uint128 amount) external {
        Plan memory plan = newPlan(tokens[seed % 3], bound(amount, 1, 100e18));
        if (seed & 8 != 0) alsoPays(plan, tokens[(seed % 3 + 1) % 3]);
        if (seed & 16 != 0) alsoPays(plan, tokens[(seed % 3 + 2) % 3]);
        if (seed & 32 != 0) plan.profitIndex = uint8((seed >> 248) % (plan.tokens.length + 1));
        hostilePool.setUp(int256(bound(amount, 0, 50e18)), int256(int128(uint128(seed))), seed % 3, callbackOf(seed % NAMES));
        for (uint256 i; i < count % 6; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint8 head = uint8(seed >> 8);
            // Half of the commands keep to the table, so that something is left for the checks behind it.
            if (seed & (1 << 200) != 0) head = (head & 15) | uint8(((seed >> 204) % plan.tokens.length) << 4);
            address target = targets[seed % targets.length];
            uint128 first = uint128(bound(seed >> 16, 0, 30e18));
            uint128 second = uint128(bound(seed >> 64, 0, 30e18));
            if (seed & (1 << 201) != 0) hostileTaker.setUp(tokens[(seed >> 210) % 3], seed & (1 << 202) != 0 ? second : second / 2);
            uint8 form = head & 7;
            plan.commands = bytes.concat(plan.commands, abi.encodePacked(head, target, first));
            if (form != V2_FORWARDED) plan.commands = bytes.concat(plan.commands, abi.encodePacked(second));
            if (form == BALANCER_V2) {
                plan.commands = bytes.concat(plan.commands, venues[7 + (seed >> 212) % 2].poolId, bytes20(tokens[(seed >> 213) % 3]));
            } else if (form == CURVE) {
                plan.commands = bytes.concat(plan.commands, bytes1(uint8(seed >> 214) % 3), bytes1(uint8(seed >> 218) % 3));
            }
        }
        attempt(plan);
    }

    /// A pool of each allowing form that takes all or part of what it is allowed, within a plan that would pay without it.
    function theft(uint256 seed, uint128 amount, uint128 takes) external {
        address token = tokens[seed % 3];
        amount = uint128(bound(amount, 1, 1_100e18));
        hostileTaker.setUp(token, seed & 8 != 0 ? amount : bound(takes, 0, amount));
        Plan memory plan = newPlan(token, 100e18);
        if (seed & 256 != 0) takesProfitIn(plan, tokens[(seed >> 16) % 3]);
        address target = address(hostileTaker);
        plan.commands = seed & 16 != 0
            ? balancer(target, bytes32(seed), 0, tokens[(seed >> 8) % 3], amount, 0)
            : curve(target, seed & 32 != 0 ? UINT256_INDICES : 0, 0, 0, 1, amount, 0);
        // What it took may be given back, all of it or less: then the plan passes, or a balance fell.
        if (seed & 64 != 0) {
            hostileTaker.prepareReturn(seed & 128 != 0 ? 0 : 1);
            plan.commands = bytes.concat(plan.commands, abi.encodePacked(V2, target, uint128(0), uint128(0)));
        }
        attempt(plan);
        hostileTaker.prepareReturn(type(uint256).max);
    }

    function moveMarket(uint256 seed, uint128 amount) external {
        Venue memory venue = venues[seed % venues.length];
        bool zeroForOne = seed & 64 == 0;
        (address token, address tokenOut) = zeroForOne ? (venue.token0, venue.token1) : (venue.token1, venue.token0);
        uint256 size = bound(amount, 1e15, 50e18) * unitOf(token);
        if (venue.form == V3) {
            IV3Pool(venue.target).swap(address(this), zeroForOne, int256(size), zeroForOne ? MIN_LIMIT : MAX_LIMIT, "");
        } else if (venue.form == V2) {
            uint256 out = quoteV2(venue.target, zeroForOne, size);
            give(token, venue.target, size);
            IV2Pair(venue.target).swap(zeroForOne ? 0 : out, zeroForOne ? out : 0, address(this), "");
        } else {
            give(token, address(this), size);
            IERC20(token).approve(venue.target, size);
            if (venue.form == BALANCER_V2) {
                SingleSwap memory single = SingleSwap(venue.poolId, 0, token, tokenOut, size, "");
                swapVault.swap(single, FundManagement(address(this), false, address(this), false), 0, block.timestamp);
            } else if (venue.form == CURVE) {
                CurveStableDouble(venue.target).exchange(zeroForOne ? int128(0) : int128(1), zeroForOne ? int128(1) : int128(0), size, 0);
            } else {
                CurveCryptoDouble(venue.target).exchange(zeroForOne ? uint256(0) : 1, zeroForOne ? uint256(1) : 0, size, 0);
            }
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
        vm.prank(which % 2 == 0 ? stranger : venues[4].target);
        (bool ok,) = address(executor).call(abi.encodeWithSelector(callbackOf(which % NAMES), amount0, amount1, ""));
        require(!ok, "a stranger's callback went through");
    }

    /// Whoever was paid by allowance comes back for more.
    function strangersCollection(uint256 seed, uint128 amount) external {
        address from = targets[seed % targets.length];
        address token = tokens[(seed >> 8) % 3];
        vm.prank(from);
        (bool ok,) = token.call(abi.encodeCall(TestToken.transferFrom, (address(executor), from, bound(amount, 1, 1_000e18))));
        require(!ok || from == address(executor), "somebody collected from the executor");
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
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = Handler.cycle.selector;
        selectors[1] = Handler.chaos.selector;
        selectors[2] = Handler.moveMarket.selector;
        selectors[3] = Handler.strangersLoan.selector;
        selectors[4] = Handler.strangersCallback.selector;
        selectors[5] = Handler.cycle.selector;
        selectors[6] = Handler.theft.selector;
        selectors[7] = Handler.strangersCollection.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    /// One campaign for all three: each costs seconds.
    function invariant_nothing_is_lost_allowed_or_usurped() public view {
        heldBalancesNeverFall();
        noAllowanceRemains();
        rolesStay();
    }

    /// No sequence of plans, however hostile, takes anything of what the contract held; native coin included.
    function heldBalancesNeverFall() private view {
        for (uint256 i; i < 3; ++i) assertGe(IERC20(handler.tokens(i)).balanceOf(address(watched)), 1_000e18);
        assertEq(address(watched).balance, 10e18);
    }

    /// Nobody who was ever called may take anything of any token: not between plans, whatever they were.
    function noAllowanceRemains() private view {
        uint256 count = handler.targetCount();
        for (uint256 i; i < 3; ++i) {
            IERC20 token = IERC20(handler.tokens(i));
            for (uint256 j; j < count; ++j) assertEq(token.allowance(address(watched), handler.targets(j)), 0);
        }
    }

    function rolesStay() private view {
        assertEq(watched.owner(), owner);
        assertEq(watched.pendingOwner(), address(0));
        assertTrue(watched.isOperator(operator));
        assertFalse(watched.paused());
    }

    /// Guards against a vacuous run: the same handler does get plans through, of every form, and hostile ones too.
    function test_handler_is_not_vacuous() public {
        for (uint256 i; i < 120; ++i) {
            handler.cycle(uint256(keccak256(abi.encode(i))), uint128(1e18 * (i % 10 + 1)), uint64(i));
            handler.moveMarket(uint256(keccak256(abi.encode(i, "move"))), uint128(20e18));
        }
        uint8[5] memory forms = [V2, V3, BALANCER_V2, CURVE, CURVE | UINT256_INDICES];
        for (uint256 i; i < forms.length; ++i) assertGt(handler.used(forms[i]), 3);
        assertGt(handler.failures(), 5);

        uint256 successes = handler.successes();
        for (uint256 i; i < 256; ++i) handler.theft(i, 1_050e18, 1e18);
        assertGt(handler.successes(), successes + 5, "a theft that was given back is no theft");
        assertLt(handler.successes(), successes + 100, "most thefts fail");
        invariant_nothing_is_lost_allowed_or_usurped();
    }
}
