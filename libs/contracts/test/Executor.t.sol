// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20, IV2Pair, IV3Pool, Protocols, RefusingToken, SilentToken, TestToken} from "./Protocols.sol";
import {IExecutor} from "../src/interfaces/IExecutor.sol";

/// Trades against the real protocols: WETH is worth 2,000 USD in most pools and 2,100 in some, so that there is something to earn.
contract ExecutorTest is Protocols {
    address internal usd;
    address internal mid;
    address internal pairCheap; // WETH at 2,000
    address internal pairDear; // WETH at 2,100, other factory
    address internal poolCheap; // V3, WETH at 2,000
    address internal poolDear; // V3, WETH at 2,100
    address internal pairMidWeth;
    address internal pairMidUsd;

    receive() external payable {}

    function setUp() public virtual {
        deployProtocols();
        usd = address(new TestToken());
        mid = address(new TestToken());
        pairCheap = newPair(v2Factory, weth, 1_000e18, usd, 2_000_000e18);
        pairDear = newPair(otherV2Factory, weth, 1_000e18, usd, 2_100_000e18);
        poolCheap = newPool(weth, 1_000e18, usd, 2_000_000e18, 3000);
        poolDear = newPool(weth, 1_000e18, usd, 2_100_000e18, 500);
        pairMidWeth = newPair(v2Factory, weth, 1_000e18, mid, 4_000e18);
        pairMidUsd = newPair(v2Factory, mid, 4_000e18, usd, 2_200_000e18);
        give(weth, address(vault), 10_000e18);
        give(usd, address(vault), 10_000_000e18);
    }

    // ------------------------------------------------------------------------------------------------------- plans

    function planV2V2(uint256 amountIn) internal view returns (Plan memory plan, uint256 profit) {
        uint256 usdOut = quoteV2(pairDear, zeroForOneOf(pairDear, weth), amountIn);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdOut);
        plan = newPlan(weth, amountIn);
        plan.commands = bytes.concat(v2Pay(pairDear, weth, 0, amountIn, usdOut, FORWARD), v2Paid(pairCheap, usd, wethOut, 0));
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    function planV2V3(uint256 amountIn) internal returns (Plan memory plan, uint256 profit) {
        uint256 usdOut = quoteV2(pairDear, zeroForOneOf(pairDear, weth), amountIn);
        uint256 wethOut = quoteV3(poolCheap, zeroForOneOf(poolCheap, usd), usdOut);
        plan = newPlan(weth, amountIn);
        alsoPays(plan, usd);
        plan.commands = bytes.concat(v2Pay(pairDear, weth, 0, amountIn, usdOut, 0), v3(poolCheap, usd, 1, usdOut, wethOut, 0));
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    function planV3V2(uint256 amountIn) internal returns (Plan memory plan, uint256 profit) {
        uint256 usdOut = quoteV3(poolDear, zeroForOneOf(poolDear, weth), amountIn);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdOut);
        plan = newPlan(weth, amountIn);
        plan.commands = bytes.concat(v3(poolDear, weth, 0, amountIn, usdOut, FORWARD), v2Paid(pairCheap, usd, wethOut, 0));
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    function planV3V3(uint256 amountIn) internal returns (Plan memory plan, uint256 profit) {
        uint256 usdOut = quoteV3(poolDear, zeroForOneOf(poolDear, weth), amountIn);
        uint256 wethOut = quoteV3(poolCheap, zeroForOneOf(poolCheap, usd), usdOut);
        plan = newPlan(weth, amountIn);
        alsoPays(plan, usd);
        plan.commands = bytes.concat(v3(poolDear, weth, 0, amountIn, usdOut, 0), v3(poolCheap, usd, 1, usdOut, wethOut, 0));
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    function planV2V2V2(uint256 amountIn) internal view returns (Plan memory plan, uint256 profit) {
        uint256 midOut = quoteV2(pairMidWeth, zeroForOneOf(pairMidWeth, weth), amountIn);
        uint256 usdOut = quoteV2(pairMidUsd, zeroForOneOf(pairMidUsd, mid), midOut);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdOut);
        plan = newPlan(weth, amountIn);
        plan.commands = bytes.concat(
            v2Pay(pairMidWeth, weth, 0, amountIn, midOut, FORWARD), v2Paid(pairMidUsd, mid, usdOut, FORWARD), v2Paid(pairCheap, usd, wethOut, 0)
        );
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    function earns(Plan memory plan, uint256 profit) internal {
        assertGt(profit, 0, "the test market offers nothing");
        plan.minProfit = uint128(profit);
        uint256 before = IERC20(plan.tokens[0]).balanceOf(address(executor));
        vm.expectEmit(address(executor));
        emit IExecutor.Executed(plan.id, plan.tokens[0], profit, 0);
        run(plan);
        assertEq(IERC20(plan.tokens[0]).balanceOf(address(executor)) - before, profit, "kept profit");
        for (uint256 i = 1; i < plan.tokens.length; ++i) assertEq(IERC20(plan.tokens[i]).balanceOf(address(executor)), 0, "nothing stays behind");
    }

    // ------------------------------------------------------------------------------------------------------ cycles

    function test_v2_to_v2() public {
        (Plan memory plan, uint256 profit) = planV2V2(5e18);
        earns(plan, profit);
    }

    function test_v2_to_v3() public {
        (Plan memory plan, uint256 profit) = planV2V3(5e18);
        earns(plan, profit);
    }

    function test_v3_to_v2() public {
        (Plan memory plan, uint256 profit) = planV3V2(5e18);
        earns(plan, profit);
    }

    function test_v3_to_v3() public {
        (Plan memory plan, uint256 profit) = planV3V3(5e18);
        earns(plan, profit);
    }

    function test_v2_to_v2_to_v2() public {
        (Plan memory plan, uint256 profit) = planV2V2V2(5e18);
        earns(plan, profit);
    }

    function test_cycle_from_the_other_side_borrows_and_earns_usd() public {
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), 8_000e18);
        uint256 usdOut = quoteV3(poolDear, zeroForOneOf(poolDear, weth), wethOut);
        Plan memory plan = newPlan(usd, 8_000e18);
        alsoPays(plan, weth);
        plan.commands = bytes.concat(v2Pay(pairCheap, usd, 0, 8_000e18, wethOut, 0), v3(poolDear, weth, 1, wethOut, usdOut, 0));
        earns(plan, usdOut - 8_000e18);
    }

    function test_two_independent_cycles_in_one_plan() public {
        (Plan memory first, uint256 firstProfit) = planV2V2(2e18);
        (Plan memory second, uint256 secondProfit) = planV3V3(3e18);
        Plan memory plan = second;
        plan.loanAmount = 5e18;
        plan.commands = bytes.concat(first.commands, second.commands);
        earns(plan, firstProfit + secondProfit);
    }

    function test_second_cycle_may_live_on_the_first_ones_loan() public {
        (Plan memory first, uint256 firstProfit) = planV2V2(5e18);
        (Plan memory second, uint256 secondProfit) = planV3V3(5e18);
        Plan memory plan = second;
        plan.commands = bytes.concat(first.commands, second.commands);
        earns(plan, firstProfit + secondProfit);
    }

    function test_route_that_splits_and_joins() public {
        uint256 usdA = quoteV2(pairDear, zeroForOneOf(pairDear, weth), 2e18);
        uint256 usdB = quoteV3(poolDear, zeroForOneOf(poolDear, weth), 3e18);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdA + usdB);
        Plan memory plan = newPlan(weth, 5e18);
        alsoPays(plan, usd);
        plan.commands = bytes.concat(
            v2Pay(pairDear, weth, 0, 2e18, usdA, 0), v3(poolDear, weth, 0, 3e18, usdB, 0), v2Pay(pairCheap, usd, 1, usdA + usdB, wethOut, 0)
        );
        earns(plan, wethOut - 5e18);
    }

    function test_token_that_returns_nothing_on_transfer() public {
        address tether = address(new SilentToken());
        address dear = newPair(v2Factory, weth, 1_000e18, tether, 2_100_000e6);
        address cheap = newPool(weth, 1_000e18, tether, 2_000_000e6, 3000);
        give(tether, address(vault), 1_000_000e6);

        uint256 out = quoteV2(dear, zeroForOneOf(dear, weth), 4e18);
        uint256 wethOut = quoteV3(cheap, zeroForOneOf(cheap, tether), out);
        Plan memory plan = newPlan(weth, 4e18);
        alsoPays(plan, tether);
        plan.commands = bytes.concat(v2Pay(dear, weth, 0, 4e18, out, 0), v3(cheap, tether, 1, out, wethOut, 0));
        uint256 snapshot = vm.snapshotState();
        earns(plan, wethOut - 4e18);

        // Borrowed, swept and paid into a V2 pair as well.
        vm.revertToState(snapshot);
        uint256 wethMid = quoteV3(cheap, zeroForOneOf(cheap, tether), 8_000e6);
        uint256 back = quoteV2(dear, zeroForOneOf(dear, weth), wethMid);
        plan = newPlan(tether, 8_000e6);
        plan.commands = bytes.concat(v3(cheap, tether, 0, 8_000e6, wethMid, FORWARD), v2Paid(dear, weth, back, 0));
        earns(plan, back - 8_000e6);
        vm.prank(owner);
        executor.sweep(tether, owner, back - 8_000e6);
        assertEq(IERC20(tether).balanceOf(owner), back - 8_000e6);
    }

    // ------------------------------------------------------------------------------------------------------ profit

    function test_losing_plan_reverts() public {
        // The wrong way round: buys WETH dear and sells it cheap.
        uint256 usdOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, weth), 5e18);
        uint256 wethOut = quoteV2(pairDear, zeroForOneOf(pairDear, usd), usdOut);
        Plan memory plan = newPlan(weth, 5e18);
        plan.commands = bytes.concat(v2Pay(pairCheap, weth, 0, 5e18, usdOut, FORWARD), v2Paid(pairDear, usd, wethOut, 0));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.TransferFailed.selector, weth, address(vault), 5e18));
        run(plan);

        // And when the contract could repay out of what it holds.
        give(weth, address(executor), 100e18);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 100e18, 100e18 - 5e18 + wethOut, 0));
        run(plan);
    }

    function test_min_profit_is_exact() public {
        (Plan memory plan, uint256 profit) = planV2V3(5e18);
        plan.minProfit = uint128(profit + 1);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 0, profit, profit + 1));
        run(plan);
        plan.minProfit = uint128(profit);
        run(plan);
    }

    function test_loan_fee_counts_before_min_profit() public {
        setLoanFee(0.0009e18);
        (Plan memory plan, uint256 profit) = planV2V2(5e18);
        uint256 fee = 5e18 * 0.0009e18 / 1e18;
        plan.minProfit = uint128(profit - fee + 1);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 0, profit - fee, profit - fee + 1));
        run(plan);

        uint256 lent = IERC20(weth).balanceOf(address(vault));
        earns(plan, profit - fee);
        assertEq(IERC20(weth).balanceOf(address(vault)), lent, "the vault has its loan back");
        assertEq(IERC20(weth).balanceOf(vault.getProtocolFeesCollector()), fee, "and its collector the fee");
    }

    function test_held_balance_cannot_pose_as_profit() public {
        give(weth, address(executor), 1_000e18);
        Plan memory plan = newPlan(weth, 5e18);
        plan.minProfit = 1;
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 1_000e18, 1_000e18, 1));
        run(plan);
    }

    function test_held_balance_of_another_token_cannot_be_turned_into_profit() public {
        give(usd, address(executor), 50_000e18);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), 10_000e18);
        Plan memory plan = newPlan(weth, 1e18);
        alsoPays(plan, usd);
        plan.commands = v2Pay(pairCheap, usd, 1, 10_000e18, wethOut, 0);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceFell.selector, usd, 50_000e18, 40_000e18));
        run(plan);

        // Nor by leaving the token out of the table…
        plan = newPlan(weth, 1e18);
        plan.commands = v2Pay(pairCheap, usd, 1, 10_000e18, wethOut, 0);
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);
        // …or through a V3 pool's callback.
        plan.commands = v3(poolCheap, usd, 1, 10_000e18, 0, 0);
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);
    }

    function testFuzz_either_exact_profit_or_no_change(uint256 amountIn, uint256 held, uint8 kind, uint256 minProfit) public {
        amountIn = bound(amountIn, 1e12, 400e18);
        held = bound(held, 0, 1_000e18);
        give(weth, address(executor), held);
        (Plan memory plan, uint256 profit) = kind % 5 == 0
            ? planV2V2(amountIn)
            : kind % 5 == 1 ? planV2V3(amountIn) : kind % 5 == 2 ? planV3V2(amountIn) : kind % 5 == 3 ? planV3V3(amountIn) : planV2V2V2(amountIn);
        plan.minProfit = uint128(bound(minProfit, 0, 3e18));
        vm.prank(operator);
        try executor.execute(encode(plan)) {
            assertGe(profit, plan.minProfit);
            assertEq(IERC20(weth).balanceOf(address(executor)), held + profit);
        } catch {
            assertTrue(profit < plan.minProfit || profit == 0, "refused a plan that pays");
            assertEq(IERC20(weth).balanceOf(address(executor)), held);
        }
    }

    // ----------------------------------------------------------------------------------------------------- builder

    function test_builder_is_paid_out_of_profit() public {
        address builder = makeAddr("builder");
        vm.coinbase(builder);
        (Plan memory plan, uint256 profit) = planV2V2(5e18);
        plan.builderPayment = uint128(profit / 2);
        plan.minProfit = uint128(profit - profit / 2);
        vm.expectEmit(address(executor));
        emit IExecutor.Executed(plan.id, weth, profit - profit / 2, profit / 2);
        run(plan);
        assertEq(builder.balance, profit / 2);
        assertEq(IERC20(weth).balanceOf(address(executor)), profit - profit / 2);
        assertEq(address(executor).balance, 0);
    }

    function test_builder_is_paid_before_min_profit_and_never_from_held_balance() public {
        give(weth, address(executor), 100e18);
        vm.deal(address(executor), 7e18);
        vm.coinbase(makeAddr("builder"));
        (Plan memory plan, uint256 profit) = planV2V2(5e18);
        plan.builderPayment = uint128(profit + 1);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 100e18, 100e18 - 1, 0));
        run(plan);
        plan.builderPayment = uint128(profit);
        run(plan);
        assertEq(IERC20(weth).balanceOf(address(executor)), 100e18);
        assertEq(address(executor).balance, 7e18, "native coin held is not touched");
    }

    function test_builder_payment_needs_profit_in_wrapped_native() public {
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), 8_000e18);
        uint256 usdOut = quoteV2(pairDear, zeroForOneOf(pairDear, weth), wethOut);
        Plan memory plan = newPlan(usd, 8_000e18);
        plan.builderPayment = 1;
        plan.commands = bytes.concat(v2Pay(pairCheap, usd, 0, 8_000e18, wethOut, FORWARD), v2Paid(pairDear, weth, usdOut, 0));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BuilderPaymentNeedsWrappedNative.selector, usd));
        run(plan);
    }

    function test_builder_that_refuses_payment_fails_the_plan() public {
        vm.coinbase(address(executor)); // accepts coins from WETH only
        (Plan memory plan,) = planV2V2(5e18);
        plan.builderPayment = 1;
        vm.expectRevert(abi.encodeWithSelector(IExecutor.NativeTransferFailed.selector, address(executor), 1));
        run(plan);
    }

    // -------------------------------------------------------------------------------------------------- plan forms

    function test_expired_plan_reverts() public {
        (Plan memory plan,) = planV2V2(5e18);
        vm.roll(plan.validUntilBlock + 1);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.PlanExpired.selector, plan.validUntilBlock, plan.validUntilBlock + 1));
        run(plan);
        vm.roll(plan.validUntilBlock);
        run(plan);
    }

    function test_v3_output_below_minimum_reverts() public {
        (Plan memory plan, uint256 profit) = planV2V3(5e18);
        // Somebody trades in the same direction first.
        IV3Pool(poolCheap).swap(address(this), zeroForOneOf(poolCheap, usd), 10_000e18, zeroForOneOf(poolCheap, usd) ? MIN_LIMIT : MAX_LIMIT, "");
        uint256 usdOut = quoteV2(pairDear, zeroForOneOf(pairDear, weth), 5e18);
        uint256 now_ = quoteV3(poolCheap, zeroForOneOf(poolCheap, usd), usdOut);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.OutputBelowMinimum.selector, poolCheap, now_, 5e18 + profit));
        run(plan);
    }

    function test_pools_own_reason_is_passed_on() public {
        (Plan memory plan,) = planV2V2(5e18);
        IV2Pair(pairDear).sync();
        uint256 usdOut = quoteV2(pairDear, zeroForOneOf(pairDear, weth), 5e18);
        plan.commands = v2Pay(pairDear, weth, 0, 5e18, usdOut + 1e18, 0);
        vm.expectRevert("UniswapV2: K");
        run(plan);
    }

    function test_token_that_answers_false_fails_the_plan() public {
        address token = address(new RefusingToken());
        Plan memory plan = newPlan(weth, 1e18);
        alsoPays(plan, token);
        plan.commands = abi.encodePacked(uint8(PAY | (1 << 4)), pairCheap, uint128(1), uint128(5));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.TransferFailed.selector, token, pairCheap, 5));
        run(plan);
    }

    function test_malformed_plans_revert() public {
        (Plan memory plan,) = planV2V3(5e18);
        bytes memory good = encode(plan);

        // Cut anywhere but between two commands, it is refused as malformed; cut there, the loan cannot be repaid.
        uint256 between = 89 + 40 + 53;
        for (uint256 length; length < good.length; ++length) {
            bytes memory cut = new bytes(length);
            for (uint256 i; i < length; ++i) cut[i] = good[i];
            vm.prank(operator);
            if (length == between) vm.expectRevert(abi.encodeWithSelector(IExecutor.TransferFailed.selector, weth, address(vault), 5e18));
            else if (length == 89 + 40) vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 0, 0, 1));
            else vm.expectRevert(IExecutor.MalformedPlan.selector);
            if (length == 89 + 40) cut[71] = 0x01; // minProfit = 1: an empty plan is harmless, but earns nothing
            executor.execute(cut);
        }
        vm.prank(operator);
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        executor.execute(bytes.concat(good, hex"00"));

        plan.loanAmount = 0;
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);

        plan = newPlan(weth, 5e18);
        plan.commands = v2Pay(pairDear, weth, 0, 5e18, 1e18, FORWARD); // forwards to nobody
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);

        plan.tokens = new address[](0);
        plan.commands = new bytes(100);
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);

        plan = newPlan(makeAddr("no code"), 5e18);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceUnreadable.selector, plan.tokens[0]));
        run(plan);
    }

    // ------------------------------------------------------------------------------------------------------- roles

    function test_only_operators_execute() public {
        (Plan memory plan,) = planV2V2(5e18);
        address[3] memory others = [stranger, owner, address(this)];
        for (uint256 i; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IExecutor.NotOperator.selector, others[i]));
            executor.execute(encode(plan));
        }
        vm.prank(owner);
        executor.setOperator(operator, false);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.NotOperator.selector, operator));
        run(plan);
    }

    function test_pause_stops_execution_and_nothing_else() public {
        (Plan memory plan, uint256 profit) = planV2V2(5e18);
        give(usd, address(executor), 5e18);
        vm.prank(owner);
        executor.setPaused(true);
        vm.expectRevert(IExecutor.ExecutionPaused.selector);
        run(plan);
        vm.startPrank(owner);
        executor.sweep(usd, owner, 5e18);
        executor.setPaused(false);
        vm.stopPrank();
        earns(plan, profit);
    }

    function test_ownership_moves_in_two_steps() public {
        address heir = makeAddr("heir");
        vm.prank(owner);
        executor.transferOwnership(heir);
        assertEq(executor.owner(), owner);
        assertEq(executor.pendingOwner(), heir);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.NotPendingOwner.selector, stranger));
        executor.acceptOwnership();
        vm.prank(heir);
        executor.acceptOwnership();
        assertEq(executor.owner(), heir);
        assertEq(executor.pendingOwner(), address(0));
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.NotOwner.selector, owner));
        executor.setPaused(true);

        // An offer can be taken back.
        vm.startPrank(heir);
        executor.transferOwnership(owner);
        executor.transferOwnership(address(0));
        vm.stopPrank();
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.NotPendingOwner.selector, owner));
        executor.acceptOwnership();
    }

    function test_owner_sweeps_tokens_and_native_coin() public {
        give(usd, address(executor), 5e18);
        vm.deal(address(executor), 3e18);
        vm.startPrank(owner);
        executor.sweep(usd, stranger, 2e18);
        executor.sweepNative(payable(stranger), 1e18);
        vm.expectRevert(IExecutor.ZeroAddress.selector);
        executor.sweep(usd, address(0), 1);
        vm.expectRevert(IExecutor.ZeroAddress.selector);
        executor.sweepNative(payable(address(0)), 1);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.TransferFailed.selector, usd, owner, 4e18));
        executor.sweep(usd, owner, 4e18);
        address empty = makeAddr("no code");
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceUnreadable.selector, empty));
        executor.sweep(empty, owner, 1);
        vm.stopPrank();
        assertEq(IERC20(usd).balanceOf(stranger), 2e18);
        assertEq(stranger.balance, 1e18);
    }

    function testFuzz_owner_functions_are_the_owners_alone(address caller) public {
        // No transaction comes from the zero address; it is also what `pendingOwner` is while no offer stands.
        vm.assume(caller != owner && caller != address(0));
        bytes memory refusal = abi.encodeWithSelector(IExecutor.NotOwner.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        executor.transferOwnership(caller);
        vm.expectRevert(refusal);
        executor.setOperator(caller, true);
        vm.expectRevert(refusal);
        executor.setPaused(true);
        vm.expectRevert(refusal);
        executor.sweep(weth, caller, 0);
        vm.expectRevert(refusal);
        executor.sweepNative(payable(caller), 0);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.NotPendingOwner.selector, caller));
        executor.acceptOwnership();
        vm.stopPrank();
    }

    function test_native_coin_is_accepted_from_unwrapping_only() public {
        vm.deal(stranger, 1e18);
        vm.prank(stranger);
        (bool ok, bytes memory reason) = address(executor).call{value: 1}("");
        assertFalse(ok);
        assertEq(reason, abi.encodeWithSelector(IExecutor.NativeNotAccepted.selector, stranger));
    }

    function test_constructor_refuses_zero_addresses() public {
        bytes memory code = vm.parseBytes(vm.parseJsonString(vm.readFile("artifacts/Executor.json"), ".bytecode"));
        for (uint256 i; i < 3; ++i) {
            bytes memory creation = bytes.concat(
                code, abi.encode(i == 0 ? address(0) : owner, i == 1 ? address(0) : address(vault), i == 2 ? address(0) : weth)
            );
            address made;
            assembly {
                made := create(0, add(creation, 0x20), mload(creation))
            }
            assertEq(made, address(0));
        }
        assertEq(executor.owner(), owner);
        assertEq(executor.vault(), address(vault));
        assertEq(executor.wrappedNative(), weth);
    }
}
