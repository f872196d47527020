// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20, IV2Pair, IV3Pool, IVault, Protocols, TestToken} from "./Protocols.sol";
import {IExecutor} from "../src/interfaces/IExecutor.sol";

interface ICallbacks {
    function receiveFlashLoan(address[] calldata, uint256[] calldata, uint256[] calldata, bytes calldata) external;
    function uniswapV3SwapCallback(int256, int256, bytes calldata) external;
}

uint256 constant NAMES = 10;

/// What forks of Uniswap V3 call their callback, from the sources of their pools or of contracts that trade with them.
function callbackOf(uint256 which) pure returns (bytes4) {
    string[NAMES] memory names = [
        "uniswapV3", "pancakeV3", "algebra", "solidlyV3", "agni", "fusionXV3", "squadV3", "zebraV3", "ramsesV2", "ShibaswapV2"
    ];
    return bytes4(keccak256(bytes.concat(bytes(names[which]), "SwapCallback(int256,int256,bytes)")));
}

/// Makes calls prepared by a test whenever it gets control, and remembers how they ended.
abstract contract Reentrant {
    struct Attempt {
        address target;
        bytes data;
    }

    Attempt[] internal attempts;
    bool[] public outcomes;
    bytes[] public reasons;

    function prepare(address target, bytes calldata data) external {
        attempts.push(Attempt(target, data));
    }

    function tried() external view returns (uint256) {
        return outcomes.length;
    }

    function _attack() internal {
        for (uint256 i; i < attempts.length; ++i) {
            (bool ok, bytes memory reason) = attempts[i].target.call(attempts[i].data);
            outcomes.push(ok);
            reasons.push(reason);
        }
    }
}

/// Attacks from within every transfer.
contract HookedToken is TestToken, Reentrant {
    function transfer(address to, uint256 amount) external override returns (bool) {
        _attack();
        _move(msg.sender, to, amount);
        return true;
    }
}

/// Looks like a pair, attacks when swapped in, and passes on nothing.
contract HostilePair is Reentrant {
    address public token0;

    function swap(uint256, uint256, address, bytes calldata) external {
        _attack();
    }
}

/// Looks like a V3 pool and claims what it likes.
contract HostilePool is Reentrant {
    address public token0;
    int256 public claim0;
    int256 public claim1;
    uint256 public times;
    bytes4 public selector = ICallbacks.uniswapV3SwapCallback.selector;

    function setUp(int256 claim0_, int256 claim1_, uint256 times_, bytes4 selector_) external {
        (claim0, claim1, times, selector) = (claim0_, claim1_, times_, selector_);
    }

    function swap(address, bool, int256, uint160, bytes calldata) external returns (int256, int256) {
        _attack();
        for (uint256 i; i < times; ++i) {
            (bool ok, bytes memory reason) = msg.sender.call(abi.encodeWithSelector(selector, claim0, claim1, abi.encode(token0, type(uint256).max)));
            if (!ok) {
                assembly {
                    revert(add(reason, 0x20), mload(reason))
                }
            }
        }
        return (type(int256).min + 1, type(int256).min + 1);
    }
}

/// Stands in for a Curve pool and for a Balancer vault: collects what it is told of what it was allowed, and pays nothing.
contract HostileTaker is Reentrant {
    address public token;
    uint256 public takes;
    uint256 public keeps;
    bool public returns_;

    function setUp(address token_, uint256 takes_) external {
        (token, takes) = (token_, takes_);
    }

    function take(address from) public {
        (bool ok, bytes memory reason) = token.call(abi.encodeCall(TestToken.transferFrom, (from, address(this), takes)));
        if (!ok) {
            assembly {
                revert(add(reason, 0x20), mload(reason))
            }
        }
    }

    /// From its second call in a plan on, it gives back all but `keeps` instead.
    function prepareReturn(uint256 keeps_) external {
        (keeps, returns_) = (keeps_, keeps_ != type(uint256).max);
    }

    function swap(uint256, uint256, address, bytes calldata) external {
        if (returns_ && takes > keeps) TestToken(token).transfer(msg.sender, takes - keeps);
    }

    fallback() external {
        _attack();
        if (takes > 0) take(msg.sender);
    }
}

/// Attacks from within approvals and whenever somebody collects.
contract HookedAllowanceToken is TestToken, Reentrant {
    function approve(address spender, uint256 amount) external override returns (bool) {
        _attack();
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external override returns (bool) {
        _attack();
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
        return true;
    }
}

/// Never counts an allowance down, as some tokens do for spenders they trust.
contract LenientToken is TestToken {
    function transferFrom(address from, address to, uint256 amount) external override returns (bool) {
        require(allowance[from][msg.sender] >= amount, "allowance");
        _move(from, to, amount);
        return true;
    }
}

/// A lender without the real vault's own re-entrancy guard, to show that the executor does not depend on it.
contract LooseVault {
    enum Manner {
        Honest,
        Twice,
        OtherPlan,
        Never,
        Nested
    }

    Manner public manner;
    bytes public otherPlan;

    function behave(Manner manner_, bytes calldata otherPlan_) external {
        (manner, otherPlan) = (manner_, otherPlan_);
    }

    function flashLoan(address receiver, address[] calldata tokens, uint256[] calldata amounts, bytes calldata userData) external {
        if (manner == Manner.Never) return;
        uint256[] memory fees = new uint256[](1);
        IERC20(tokens[0]).transfer(receiver, amounts[0]);
        bytes memory handed = userData;
        if (manner == Manner.OtherPlan) handed = otherPlan;
        ICallbacks(receiver).receiveFlashLoan(tokens, amounts, fees, handed);
        if (manner == Manner.Twice) ICallbacks(receiver).receiveFlashLoan(tokens, amounts, fees, userData);
        if (manner == Manner.Nested) ICallbacks(receiver).receiveFlashLoan(tokens, amounts, fees, otherPlan);
    }
}

/// Everything somebody else could try, with tokens in the contract that are worth stealing.
contract ExecutorAttackTest is Protocols {
    uint256 internal constant HELD = 500e18;

    address internal usd;
    address internal pairCheap;
    address internal pairDear;
    address internal poolCheap;

    function setUp() public {
        deployProtocols();
        usd = address(new TestToken());
        pairCheap = newPair(v2Factory, weth, 1_000e18, usd, 2_000_000e18);
        pairDear = newPair(otherV2Factory, weth, 1_000e18, usd, 2_100_000e18);
        poolCheap = newPool(weth, 1_000e18, usd, 2_000_000e18, 3000);
        give(weth, address(vault), 10_000e18);
        give(usd, address(vault), 10_000_000e18);
        give(weth, address(executor), HELD);
        give(usd, address(executor), HELD);
    }

    function untouched() internal view {
        assertGe(IERC20(weth).balanceOf(address(executor)), HELD, "WETH held");
        assertGe(IERC20(usd).balanceOf(address(executor)), HELD, "USD held");
    }

    function goodPlan() internal view returns (Plan memory plan) {
        uint256 usdOut = quoteV2(pairDear, zeroForOneOf(pairDear, weth), 5e18);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdOut);
        plan = newPlan(weth, 5e18);
        plan.commands = bytes.concat(v2(pairDear, weth, 0, 5e18, usdOut), v2Forwarded(pairCheap, usd, wethOut));
    }

    /// A well-formed plan that would pay the contract's WETH to `thief` if anybody could get it run.
    function thievingPlan(address thief) internal view returns (bytes memory) {
        Plan memory plan = newPlan(weth, 1e18);
        plan.commands = abi.encodePacked(V2, thief, uint128(0), uint128(HELD));
        return encode(plan);
    }

    function single(address token, uint256 amount) internal pure returns (address[] memory tokens, uint256[] memory amounts) {
        tokens = new address[](1);
        amounts = new uint256[](1);
        tokens[0] = token;
        amounts[0] = amount;
    }

    function loanCall(bytes memory plan) internal view returns (bytes memory) {
        (address[] memory tokens, uint256[] memory amounts) = single(weth, 1e18);
        return abi.encodeCall(IVault.flashLoan, (address(executor), tokens, amounts, plan));
    }

    // --------------------------------------------------------------------------------------------- stranger's loan

    function test_stranger_cannot_lend_to_the_executor_with_a_plan_of_its_own() public {
        HostilePair thief = new HostilePair();
        bytes[4] memory plans = [thievingPlan(address(thief)), encode(goodPlan()), bytes(""), abi.encode(usd, HELD)];
        for (uint256 i; i < plans.length; ++i) {
            vm.prank(stranger);
            (bool ok, bytes memory reason) = address(vault).call(loanCall(plans[i]));
            assertFalse(ok);
            assertEq(reason, abi.encodeWithSelector(IExecutor.UnexpectedLoan.selector, address(vault)));
        }
        // Nor can an operator or the owner, around `execute`.
        vm.prank(operator);
        (bool passed,) = address(vault).call(loanCall(encode(goodPlan())));
        assertFalse(passed);
        untouched();
    }

    function testFuzz_nobody_but_the_vault_delivers_a_loan(address caller, bytes calldata plan) public {
        vm.assume(caller != address(vault));
        (address[] memory tokens, uint256[] memory amounts) = single(weth, 1e18);
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.UnexpectedLoan.selector, caller));
        ICallbacks(address(executor)).receiveFlashLoan(tokens, amounts, new uint256[](1), plan);
    }

    function testFuzz_the_vault_delivers_nothing_unasked(bytes calldata plan) public {
        (address[] memory tokens, uint256[] memory amounts) = single(weth, 1e18);
        vm.prank(address(vault));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.UnexpectedLoan.selector, address(vault)));
        ICallbacks(address(executor)).receiveFlashLoan(tokens, amounts, new uint256[](1), plan);
    }

    function test_pair_that_starts_another_loan_while_ours_runs() public {
        HostilePair pair = new HostilePair();
        pair.prepare(address(vault), loanCall(thievingPlan(address(pair))));
        pair.prepare(address(executor), abi.encodeCall(IExecutor.execute, (thievingPlan(address(pair)))));
        vm.prank(owner);
        executor.setOperator(address(pair), true); // even an operator must not nest

        Plan memory plan = goodPlan();
        bytes memory good = plan.commands;
        plan.commands = bytes.concat(abi.encodePacked(V2, pair, uint128(0), uint128(0)), good, abi.encodePacked(V2, pair, uint128(0), uint128(0)));
        run(plan);
        assertEq(pair.tried(), 4);
        for (uint256 i; i < 4; ++i) assertFalse(pair.outcomes(i));
        assertEq(pair.reasons(1), abi.encodeWithSelector(IExecutor.ExecutionInProgress.selector));
        untouched();
    }

    function test_token_that_reenters_before_during_and_after_the_loan() public {
        // The hostile token is what gets borrowed, so it has control while the loan is still on its way, when it is swapped and when it is repaid.
        HookedToken token = new HookedToken();
        address cheap = newPair(v2Factory, address(token), 1_000e18, usd, 2_000_000e18);
        address dear = newPair(otherV2Factory, address(token), 1_000e18, usd, 2_100_000e18);
        token.mint(address(vault), 1_000e18);
        bytes memory thieving = thievingPlan(address(token));
        (address[] memory tokens, uint256[] memory amounts) = single(address(token), 5e18);
        uint256 usdOut = quoteV2(dear, zeroForOneOf(dear, address(token)), 5e18);
        Plan memory plan = newPlan(address(token), 5e18);
        uint256 back = quoteV2(cheap, zeroForOneOf(cheap, usd), usdOut);
        plan.commands = bytes.concat(v2(dear, address(token), 0, 5e18, usdOut), v2Forwarded(cheap, usd, back));

        token.prepare(address(vault), loanCall(thieving));
        token.prepare(address(executor), abi.encodeCall(IExecutor.execute, (thieving)));
        token.prepare(address(executor), abi.encodeCall(ICallbacks.receiveFlashLoan, (tokens, amounts, new uint256[](1), encode(plan))));
        token.prepare(address(executor), abi.encodeCall(ICallbacks.uniswapV3SwapCallback, (int256(HELD), int256(HELD), "")));
        token.prepare(address(executor), abi.encodeCall(IExecutor.sweep, (usd, address(token), HELD)));
        token.prepare(address(executor), abi.encodeCall(IExecutor.sweepNative, (payable(stranger), 1)));
        vm.deal(address(executor), 1);
        vm.startPrank(owner);
        executor.setOperator(address(token), true);
        executor.transferOwnership(address(token)); // the worst case: the token owns the executor
        vm.stopPrank();
        vm.prank(address(token));
        executor.acceptOwnership();

        run(plan);
        assertEq(token.tried(), 4 * 6, "control on four transfers: loan, first pair, last pair, repayment");
        for (uint256 i; i < token.tried(); ++i) assertFalse(token.outcomes(i));
        assertEq(token.reasons(1), abi.encodeWithSelector(IExecutor.ExecutionInProgress.selector));
        assertEq(token.reasons(2), abi.encodeWithSelector(IExecutor.UnexpectedLoan.selector, address(token)));
        assertEq(token.reasons(3), abi.encodeWithSelector(IExecutor.UnexpectedCallback.selector, address(token)));
        assertEq(token.reasons(4), abi.encodeWithSelector(IExecutor.ExecutionInProgress.selector));
        assertEq(token.reasons(5), abi.encodeWithSelector(IExecutor.ExecutionInProgress.selector));
        assertEq(token.balanceOf(address(executor)), back - 5e18);
        untouched();
    }

    function test_lender_without_a_guard_cannot_misuse_the_callback() public {
        LooseVault loose = new LooseVault();
        executor = newExecutor(address(loose));
        give(weth, address(loose), 1_000e18);
        give(weth, address(executor), HELD);
        Plan memory plan = goodPlan();
        HostilePair thief = new HostilePair();
        bytes memory refused = abi.encodeWithSelector(IExecutor.UnexpectedLoan.selector, address(loose));

        loose.behave(LooseVault.Manner.Twice, "");
        vm.expectRevert(refused);
        run(plan);
        loose.behave(LooseVault.Manner.OtherPlan, thievingPlan(address(thief)));
        vm.expectRevert(refused);
        run(plan);
        loose.behave(LooseVault.Manner.Nested, thievingPlan(address(thief)));
        vm.expectRevert(refused);
        run(plan);
        loose.behave(LooseVault.Manner.Never, "");
        vm.expectRevert(refused);
        run(plan);
        // During our own execution, started by a pair of the plan.
        loose.behave(LooseVault.Manner.Honest, "");
        thief.prepare(address(loose), loanCall(thievingPlan(address(thief))));
        thief.prepare(address(loose), loanCall(encode(plan)));
        plan.commands = bytes.concat(plan.commands, abi.encodePacked(V2, thief, uint128(0), uint128(0)));
        run(plan);
        assertEq(thief.tried(), 2);
        assertEq(thief.reasons(0), refused);
        assertEq(thief.reasons(1), refused);
        assertGt(IERC20(weth).balanceOf(address(executor)), HELD);

        // Nothing is left over: the next plan runs, in the same transaction even.
        run(goodPlan());
    }

    // ------------------------------------------------------------------------------------------------ V3 callbacks

    function testFuzz_callbacks_out_of_the_blue(address caller, int256 amount0, int256 amount1, bytes calldata data) public {
        bytes memory refused = abi.encodeWithSelector(IExecutor.UnexpectedCallback.selector, caller);
        vm.startPrank(caller);
        for (uint256 i; i < NAMES; ++i) {
            (bool ok, bytes memory reason) = address(executor).call(abi.encodeWithSelector(callbackOf(i), amount0, amount1, data));
            assertFalse(ok);
            assertEq(reason, refused);
        }
        vm.stopPrank();
    }

    /// While no payment is due the slot is empty, which must not read as "address zero may claim".
    function test_callback_from_address_zero() public {
        vm.prank(address(0));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.UnexpectedCallback.selector, address(0)));
        ICallbacks(address(executor)).uniswapV3SwapCallback(1, 0, "");
    }

    function test_real_pool_cannot_be_made_to_claim_from_the_executor() public {
        // Anyone may swap in the real pool with any recipient and data, but the pool calls back whoever swaps.
        vm.prank(stranger);
        vm.expectRevert();
        IV3Pool(poolCheap).swap(address(executor), true, 1e18, MIN_LIMIT, abi.encode(weth, HELD));
        untouched();
    }

    function test_another_contract_calls_back_in_the_pools_place() public {
        HostilePool pool = new HostilePool();
        HostilePair accomplice = new HostilePair();
        accomplice.prepare(address(executor), abi.encodeCall(ICallbacks.uniswapV3SwapCallback, (int256(1e18), int256(0), "")));
        pool.prepare(address(accomplice), abi.encodeCall(HostilePair.swap, (0, 0, address(0), "")));
        pool.setUp(1, 0, 1, ICallbacks.uniswapV3SwapCallback.selector);
        Plan memory plan = goodPlan();
        plan.commands = bytes.concat(plan.commands, abi.encodePacked(V3, pool, uint128(0), uint128(1e18)));
        run(plan);
        assertEq(accomplice.tried(), 1);
        assertEq(accomplice.reasons(0), abi.encodeWithSelector(IExecutor.UnexpectedCallback.selector, address(accomplice)));
        assertEq(IERC20(weth).balanceOf(address(pool)), 1, "only the pool itself, only what it claimed");
        untouched();
    }

    function test_pool_claims_more_than_its_command_allows() public {
        HostilePool pool = new HostilePool();
        Plan memory plan = goodPlan();
        plan.commands = abi.encodePacked(V3, pool, uint128(0), uint128(7));
        int256[5] memory claims = [int256(8), type(int256).max, 0, -1, type(int256).min];
        for (uint256 i; i < claims.length; ++i) {
            pool.setUp(0, claims[i], 1, ICallbacks.uniswapV3SwapCallback.selector);
            vm.expectRevert(abi.encodeWithSelector(IExecutor.PaymentNotAllowed.selector, address(pool), claims[i], 7));
            run(plan);
        }
    }

    function testFuzz_allowance_keeps_all_128_bits(uint128 allowed, uint256 asked) public {
        asked = bound(asked, uint256(allowed) + 1, uint256(type(int256).max));
        HostilePool pool = new HostilePool();
        pool.setUp(int256(asked), 0, 1, ICallbacks.uniswapV3SwapCallback.selector);
        Plan memory plan = newPlan(weth, 1e18);
        plan.commands = abi.encodePacked(V3, pool, uint128(0), allowed);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.PaymentNotAllowed.selector, address(pool), int256(asked), uint256(allowed)));
        run(plan);
    }

    function test_pool_claims_twice() public {
        HostilePool pool = new HostilePool();
        pool.setUp(3, 0, 2, ICallbacks.uniswapV3SwapCallback.selector);
        Plan memory plan = goodPlan();
        plan.commands = abi.encodePacked(V3, pool, uint128(0), uint128(7));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.UnexpectedCallback.selector, address(pool)));
        run(plan);
    }

    function test_pool_that_does_not_claim_cannot_do_so_later() public {
        HostilePool pool = new HostilePool();
        Plan memory plan = goodPlan();
        plan.commands = abi.encodePacked(V3, pool, uint128(0), uint128(7));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.SwapFailed.selector, address(pool)));
        run(plan);
    }

    function test_hostile_pool_takes_nothing_that_was_held() public {
        // It claims all it may, of every token it may name, and says it paid a fortune. The plan's own checks refuse.
        HostilePool pool = new HostilePool();
        pool.setUp(int256(HELD), 0, 1, ICallbacks.uniswapV3SwapCallback.selector);
        Plan memory plan = newPlan(weth, 1e18);
        alsoPays(plan, usd);
        plan.commands = abi.encodePacked(V3, pool, uint128(1), uint128(HELD));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, HELD, 0, 0));
        run(plan);
        plan.commands = abi.encodePacked(uint8(V3 | (1 << 4)), pool, uint128(1), uint128(HELD));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceFell.selector, usd, HELD, 0));
        run(plan);
        plan.commands = abi.encodePacked(uint8(V3 | (2 << 4)), pool, uint128(1), uint128(HELD));
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);
        untouched();
    }

    function test_profit_token_is_not_paid_for_with_what_was_held_of_the_borrowed_one() public {
        // Sells held WETH for USD and calls the USD its profit; then the other way round, with a loan of the one and of the other.
        address[2] memory tokens = [weth, usd];
        for (uint256 i; i < 4; ++i) {
            (address loan, address sold) = (tokens[i & 1], tokens[i >> 1]);
            address bought = sold == weth ? usd : weth;
            Plan memory plan = newPlan(loan, 1e18);
            takesProfitIn(plan, loan == sold ? bought : sold);
            takesProfitIn(plan, bought);
            uint256 out = quoteV2(pairDear, zeroForOneOf(pairDear, sold), 100e18);
            plan.commands = v2(pairDear, sold, loan == sold ? 0 : 1, 100e18, out);
            vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceFell.selector, sold, HELD, HELD - 100e18));
            run(plan);
            // Named as its profit, the token that was sold has not risen.
            takesProfitIn(plan, sold);
            vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, HELD, HELD - 100e18, 0));
            run(plan);
        }
        untouched();
    }

    function test_token_listed_twice_cannot_hide_what_it_lost() public {
        // WETH is borrowed, sold, and listed again behind the USD that are called profit.
        Plan memory plan = newPlan(weth, 1e18);
        takesProfitIn(plan, usd);
        alsoPays(plan, weth);
        plan.commands = v2(pairDear, weth, 2, 100e18, quoteV2(pairDear, zeroForOneOf(pairDear, weth), 100e18));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceFell.selector, weth, HELD, HELD - 100e18));
        run(plan);
        // As profit under its second name.
        plan.profitIndex = 2;
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceFell.selector, weth, HELD, HELD - 100e18));
        run(plan);
        untouched();
    }

    function test_forks_callbacks_pay_alike() public {
        for (uint256 i; i < NAMES; ++i) {
            uint256 snapshot = vm.snapshotState();
            HostilePool pool = new HostilePool();
            pool.setUp(-5, 7, 1, callbackOf(i));
            Plan memory plan = goodPlan();
            plan.commands = bytes.concat(plan.commands, abi.encodePacked(V3, pool, uint128(0), uint128(7)));
            run(plan);
            assertEq(IERC20(weth).balanceOf(address(pool)), 7);
            vm.revertToState(snapshot);
        }
    }

    /// The executor itself as a pool: its fallback is asked to swap, as if it were a callback from itself.
    function test_executor_as_its_own_pool() public {
        Plan memory plan = newPlan(weth, 1e18);
        plan.commands = abi.encodePacked(V3, address(executor), uint128(0), uint128(1e18));
        int256 claim = int256(uint256(uint160(address(executor)))); // the recipient, read as an amount
        vm.expectRevert(abi.encodeWithSelector(IExecutor.PaymentNotAllowed.selector, address(executor), claim, 1e18));
        run(plan);
        plan.commands = balancer(address(executor), bytes32(0), 0, usd, 1e18, 0);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.UnexpectedCallback.selector, address(executor)));
        run(plan);
        plan.commands = curve(address(executor), 0, 0, 0, 1, 1e18, 0);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.UnexpectedCallback.selector, address(executor)));
        run(plan);
    }

    function test_callback_without_arguments_claims_nothing() public {
        HostilePool pool = new HostilePool();
        pool.prepare(address(executor), hex"deadbeef");
        pool.prepare(address(executor), abi.encodePacked(bytes4(0xdeadbeef), int128(5)));
        pool.setUp(3, 0, 1, callbackOf(0));
        Plan memory plan = goodPlan();
        plan.commands = bytes.concat(plan.commands, abi.encodePacked(V3, pool, uint128(0), uint128(7)));
        run(plan);
        assertEq(pool.reasons(0), abi.encodeWithSelector(IExecutor.PaymentNotAllowed.selector, address(pool), 0, 7));
        // Sixteen bytes of an argument are the upper half of a word, far more than was allowed.
        assertEq(pool.reasons(1), abi.encodeWithSelector(IExecutor.PaymentNotAllowed.selector, address(pool), int256(5) << 128, 7));
        assertEq(IERC20(weth).balanceOf(address(pool)), 3);
    }

    // -------------------------------------------------------------------------------------------------- allowances

    /// The same command in the words of a Balancer vault and of a Curve pool of either kind.
    function allowingCommands(address pool, uint8 index, uint256 amountIn) internal view returns (bytes[3] memory) {
        return [
            balancer(pool, bytes32(0), index, weth, amountIn, 0),
            curve(pool, 0, index, 0, 1, amountIn, 0),
            curve(pool, UINT256_INDICES, index, 0, 1, amountIn, 0)
        ];
    }

    function test_pool_that_collects_less_than_allowed_fails_the_plan() public {
        HostileTaker taker = new HostileTaker();
        bytes[3] memory commands = allowingCommands(address(taker), 1, 7);
        for (uint256 i; i < commands.length; ++i) {
            for (uint256 takes; takes < 7; ++takes) {
                taker.setUp(usd, takes);
                Plan memory plan = goodPlan();
                alsoPays(plan, usd);
                plan.commands = bytes.concat(plan.commands, commands[i]);
                vm.expectRevert(abi.encodeWithSelector(IExecutor.AllowanceLeft.selector, usd, taker, 7 - takes));
                run(plan);
                assertEq(IERC20(usd).allowance(address(executor), address(taker)), 0);
            }
        }
        untouched();
    }

    function test_pool_cannot_collect_more_than_allowed_nor_later_nor_anything_else() public {
        HostileTaker taker = new HostileTaker();
        bytes[3] memory commands = allowingCommands(address(taker), 0, 7);
        for (uint256 i; i < commands.length; ++i) {
            Plan memory plan = goodPlan();
            bytes memory good = plan.commands;
            plan.commands = bytes.concat(good, commands[i]);

            taker.setUp(weth, 8);
            vm.expectRevert(abi.encodeWithSignature("Error(string)", "")); // WETH gives an empty reason
            run(plan);
            // Another token than the one it was allowed: USD is held, but not paid by this command.
            taker.setUp(usd, 7);
            vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
            run(plan);
            // It takes its due, and comes back while another command runs and after the plan.
            taker.setUp(weth, 7);
            HostilePair accomplice = new HostilePair();
            accomplice.prepare(address(taker), abi.encodeCall(HostileTaker.take, (address(executor))));
            plan.commands = bytes.concat(good, commands[i], abi.encodePacked(V2, accomplice, uint128(0), uint128(0)));
            uint256 snapshot = vm.snapshotState();
            run(plan);
            assertEq(accomplice.tried(), 1);
            assertFalse(accomplice.outcomes(0));
            assertEq(IERC20(weth).balanceOf(address(taker)), 7, "its due, which came out of the plan's profit");
            vm.expectRevert();
            taker.take(address(executor));
            untouched();
            vm.revertToState(snapshot);
        }
    }

    function test_taker_cannot_have_what_was_held() public {
        HostileTaker taker = new HostileTaker();
        for (uint8 index; index < 2; ++index) {
            bytes[3] memory commands = allowingCommands(address(taker), index, HELD);
            for (uint256 i; i < commands.length; ++i) {
                Plan memory plan = newPlan(weth, 1e18);
                alsoPays(plan, usd);
                plan.commands = commands[i];
                taker.setUp(plan.tokens[index], HELD);
                if (index == 0) vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, HELD, 0, 0));
                else vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceFell.selector, usd, HELD, 0));
                run(plan);
                // Nor of a token that is not in the table, by naming no token.
                plan = newPlan(weth, 1e18);
                plan.commands = allowingCommands(address(taker), index + 1, HELD)[i];
                vm.expectRevert(IExecutor.MalformedPlan.selector);
                run(plan);
            }
        }
        untouched();
    }

    function test_taker_that_reenters() public {
        HostileTaker taker = new HostileTaker();
        taker.setUp(weth, 7);
        taker.prepare(address(executor), abi.encodeCall(IExecutor.execute, (thievingPlan(address(taker)))));
        taker.prepare(address(vault), loanCall(thievingPlan(address(taker))));
        taker.prepare(address(executor), abi.encodeCall(ICallbacks.uniswapV3SwapCallback, (int256(7), int256(0), "")));
        taker.prepare(address(executor), abi.encodeCall(IExecutor.sweep, (usd, address(taker), HELD)));
        vm.startPrank(owner);
        executor.setOperator(address(taker), true);
        executor.transferOwnership(address(taker)); // the worst case: it owns the executor
        vm.stopPrank();
        vm.prank(address(taker));
        executor.acceptOwnership();
        bytes[3] memory commands = allowingCommands(address(taker), 0, 7);
        Plan memory plan = goodPlan();
        for (uint256 i; i < commands.length; ++i) plan.commands = bytes.concat(plan.commands, commands[i]);
        run(plan);
        assertEq(taker.tried(), 3 * 4);
        for (uint256 i; i < taker.tried(); ++i) assertFalse(taker.outcomes(i));
        for (uint256 i; i < 3; ++i) {
            assertEq(taker.reasons(4 * i), abi.encodeWithSelector(IExecutor.ExecutionInProgress.selector));
            assertEq(taker.reasons(4 * i + 2), abi.encodeWithSelector(IExecutor.UnexpectedCallback.selector, address(taker)));
            assertEq(taker.reasons(4 * i + 3), abi.encodeWithSelector(IExecutor.ExecutionInProgress.selector));
        }
        assertEq(IERC20(weth).balanceOf(address(taker)), 3 * 7);
        untouched();
    }

    function test_token_that_reenters_when_it_is_approved_and_collected() public {
        HookedAllowanceToken token = new HookedAllowanceToken();
        HostileTaker taker = new HostileTaker();
        token.mint(address(executor), 100);
        taker.setUp(address(token), 7);
        token.prepare(address(executor), abi.encodeCall(IExecutor.execute, (thievingPlan(address(token)))));
        token.prepare(address(vault), loanCall(thievingPlan(address(token))));
        token.prepare(address(executor), abi.encodeCall(ICallbacks.uniswapV3SwapCallback, (int256(7), int256(0), "")));
        vm.prank(owner);
        executor.setOperator(address(token), true);
        Plan memory plan = goodPlan();
        alsoPays(plan, address(token));
        plan.commands = bytes.concat(plan.commands, curve(address(taker), 0, 1, 0, 1, 7, 0));
        // It all happened, and then what was held of the hostile token is missing.
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceFell.selector, address(token), 100, 93));
        run(plan);
        // Given back, the plan passes, and nothing was gained by entering again.
        HostilePair giver = new HostilePair();
        giver.prepare(address(token), abi.encodeCall(TestToken.mint, (address(executor), 7)));
        plan.commands = bytes.concat(plan.commands, abi.encodePacked(V2, giver, uint128(0), uint128(0)));
        run(plan);
        assertEq(token.tried(), 2 * 3);
        for (uint256 i; i < token.tried(); ++i) assertFalse(token.outcomes(i));
        assertEq(token.allowance(address(executor), address(taker)), 0);
        untouched();
    }

    function test_token_that_does_not_count_allowances_down_cannot_be_paid_by_allowance() public {
        LenientToken token = new LenientToken();
        HostileTaker taker = new HostileTaker();
        token.mint(address(executor), 100);
        taker.setUp(address(token), 7);
        Plan memory plan = goodPlan();
        alsoPays(plan, address(token));
        plan.commands = bytes.concat(plan.commands, curve(address(taker), 0, 1, 0, 1, 7, 0));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.AllowanceLeft.selector, token, taker, 7));
        run(plan);
    }

    function test_token_that_does_not_tell_allowances_cannot_be_paid_by_allowance() public {
        HostileTaker taker = new HostileTaker();
        taker.setUp(usd, 7);
        Plan memory plan = goodPlan();
        alsoPays(plan, usd);
        plan.commands = bytes.concat(plan.commands, curve(address(taker), 0, 1, 0, 1, 7, 0));
        bytes memory question = abi.encodeCall(IERC20.allowance, (address(executor), address(taker)));
        bytes memory refused = abi.encodeWithSelector(IExecutor.AllowanceLeft.selector, usd, taker, type(uint256).max);
        vm.mockCallRevert(usd, question, "");
        vm.expectRevert(refused);
        run(plan);
        vm.mockCall(usd, question, hex"00");
        vm.expectRevert(refused);
        run(plan);
    }

    // ----------------------------------------------------------------------------------------------------- builder

    function test_builder_that_reenters_gets_its_payment_and_nothing_else() public {
        ReentrantBuilder builder = new ReentrantBuilder();
        builder.prepare(address(executor), abi.encodeCall(IExecutor.execute, (thievingPlan(address(builder)))));
        builder.prepare(address(vault), loanCall(thievingPlan(address(builder))));
        vm.prank(owner);
        executor.setOperator(address(builder), true);
        vm.coinbase(address(builder));
        Plan memory plan = goodPlan();
        plan.builderPayment = 1e15;
        run(plan);
        assertEq(builder.tried(), 2);
        assertEq(builder.reasons(0), abi.encodeWithSelector(IExecutor.ExecutionInProgress.selector));
        assertFalse(builder.outcomes(1));
        assertEq(address(builder).balance, 1e15);
        untouched();
    }

    // ------------------------------------------------------------------------------------------------ random bytes

    function testFuzz_random_plans_leave_the_contract_as_it_was(bytes calldata plan) public {
        vm.prank(operator);
        vm.expectRevert();
        executor.execute(plan);
    }

    function testFuzz_random_selectors_do_nothing(bytes calldata data) public {
        vm.assume(data.length >= 4);
        vm.prank(stranger);
        (bool ok,) = address(executor).call(data);
        ok;
        untouched();
        assertEq(executor.owner(), owner);
    }
}

contract ReentrantBuilder is Reentrant {
    receive() external payable {
        _attack();
    }
}
