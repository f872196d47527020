// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20, IV2Pair, IV3Pool, Protocols, RefusingToken, SilentToken, TestToken, UserBalanceOp} from "./Protocols.sol";
import {CurveDouble} from "./Doubles.sol";
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
    address internal pancakeCheap; // PancakeSwap V3, WETH at 2,000
    address internal algebraDear; // Algebra, WETH at 2,100
    bytes32 internal weightedCheap; // Balancer V2, WETH at 2,000
    bytes32 internal weightedDear; // Balancer V2, WETH at 2,100
    CurveDouble internal curveDear; // WETH at 2,100, coin 0 is WETH
    CurveDouble internal cryptoCheap; // WETH at 2,000, coin 0 is WETH

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
        pancakeCheap = newPancakePool(weth, 1_000e18, usd, 2_000_000e18);
        algebraDear = newAlgebraPool(weth, 1_000e18, usd, 2_100_000e18);
        weightedCheap = newWeightedPool(weth, 1_000e18, usd, 2_000_000e18);
        weightedDear = newWeightedPool(weth, 1_000e18, usd, 2_100_000e18);
        curveDear = newCurvePool(false, weth, 1_000e18, usd, 2_100_000e18);
        cryptoCheap = newCurvePool(true, weth, 1_000e18, usd, 2_000_000e18);
        give(weth, address(vault), 10_000e18);
        give(usd, address(vault), 10_000_000e18);
    }

    // ------------------------------------------------------------------------------------------------------- plans

    function planV2V2(uint256 amountIn) internal view returns (Plan memory plan, uint256 profit) {
        uint256 usdOut = quoteV2(pairDear, zeroForOneOf(pairDear, weth), amountIn);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdOut);
        plan = newPlan(weth, amountIn);
        plan.commands = bytes.concat(v2(pairDear, weth, 0, amountIn, usdOut), v2Forwarded(pairCheap, usd, wethOut));
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    function planV2V3(uint256 amountIn) internal returns (Plan memory plan, uint256 profit) {
        uint256 usdOut = quoteV2(pairDear, zeroForOneOf(pairDear, weth), amountIn);
        uint256 wethOut = quoteV3(poolCheap, zeroForOneOf(poolCheap, usd), usdOut);
        plan = newPlan(weth, amountIn);
        alsoPays(plan, usd);
        plan.commands = bytes.concat(v2(pairDear, weth, 0, amountIn, usdOut), v3(poolCheap, usd, 1, usdOut, wethOut));
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    function planV3V2(uint256 amountIn) internal returns (Plan memory plan, uint256 profit) {
        uint256 usdOut = quoteV3(poolDear, zeroForOneOf(poolDear, weth), amountIn);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdOut);
        plan = newPlan(weth, amountIn);
        plan.commands = bytes.concat(v3(poolDear, weth, 0, amountIn, usdOut), v2Forwarded(pairCheap, usd, wethOut));
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    function planV3V3(uint256 amountIn) internal returns (Plan memory plan, uint256 profit) {
        uint256 usdOut = quoteV3(poolDear, zeroForOneOf(poolDear, weth), amountIn);
        uint256 wethOut = quoteV3(poolCheap, zeroForOneOf(poolCheap, usd), usdOut);
        plan = newPlan(weth, amountIn);
        alsoPays(plan, usd);
        plan.commands = bytes.concat(v3(poolDear, weth, 0, amountIn, usdOut), v3(poolCheap, usd, 1, usdOut, wethOut));
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    function planV2V2V2(uint256 amountIn) internal view returns (Plan memory plan, uint256 profit) {
        uint256 midOut = quoteV2(pairMidWeth, zeroForOneOf(pairMidWeth, weth), amountIn);
        uint256 usdOut = quoteV2(pairMidUsd, zeroForOneOf(pairMidUsd, mid), midOut);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdOut);
        plan = newPlan(weth, amountIn);
        plan.commands = bytes.concat(
            v2(pairMidWeth, weth, 0, amountIn, midOut), v2Forwarded(pairMidUsd, mid, usdOut), v2Forwarded(pairCheap, usd, wethOut)
        );
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    /// WETH for USD where it is dear, USD for WETH where it is cheap; every way of calling a pool in both places.
    uint8 internal constant WAYS = 5;

    function planOf(uint256 sell, uint256 buy, uint256 amountIn) internal returns (Plan memory plan, uint256 profit) {
        plan = newPlan(weth, amountIn);
        alsoPays(plan, usd);
        (bytes memory first, uint256 usdOut) = sellCommand(sell, amountIn);
        (bytes memory second, uint256 wethOut) = buyCommand(buy, usdOut);
        plan.commands = bytes.concat(first, second);
        profit = wethOut > amountIn ? wethOut - amountIn : 0;
    }

    function sellCommand(uint256 way, uint256 amountIn) private returns (bytes memory command, uint256 out) {
        if (way == 0) {
            out = quoteV2(pairDear, zeroForOneOf(pairDear, weth), amountIn);
            return (v2(pairDear, weth, 0, amountIn, out), out);
        }
        if (way == 3) {
            out = quoteBalancer(weightedDear, weth, usd, amountIn);
            return (balancer(address(swapVault), weightedDear, 0, usd, amountIn, out), out);
        }
        if (way == 4) {
            out = curveDear.dyOf(0, 1, amountIn);
            return (curve(address(curveDear), 0, 0, 0, 1, amountIn, out), out);
        }
        address pool = way == 1 ? poolDear : algebraDear;
        out = quoteV3(pool, zeroForOneOf(pool, weth), amountIn);
        return (v3(pool, weth, 0, amountIn, out), out);
    }

    function buyCommand(uint256 way, uint256 amountIn) private returns (bytes memory command, uint256 out) {
        if (way == 0) {
            out = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), amountIn);
            return (v2(pairCheap, usd, 1, amountIn, out), out);
        }
        if (way == 3) {
            out = quoteBalancer(weightedCheap, usd, weth, amountIn);
            return (balancer(address(swapVault), weightedCheap, 1, weth, amountIn, out), out);
        }
        if (way == 4) {
            out = cryptoCheap.dyOf(1, 0, amountIn);
            return (curve(address(cryptoCheap), UINT256_INDICES, 1, 1, 0, amountIn, out), out);
        }
        address pool = way == 1 ? poolCheap : pancakeCheap;
        out = quoteV3(pool, zeroForOneOf(pool, usd), amountIn);
        return (v3(pool, usd, 1, amountIn, out), out);
    }

    function earns(Plan memory plan, uint256 profit) internal {
        assertGt(profit, 0, "the test market offers nothing");
        plan.minProfit = uint128(profit);
        address token = plan.tokens[plan.profitIndex];
        uint256 before = IERC20(token).balanceOf(address(executor));
        vm.expectEmit(address(executor));
        emit IExecutor.Executed(plan.id, token, profit, 0);
        run(plan);
        assertEq(IERC20(token).balanceOf(address(executor)) - before, profit, "kept profit");
        for (uint256 i; i < plan.tokens.length; ++i) {
            if (i != plan.profitIndex) assertEq(IERC20(plan.tokens[i]).balanceOf(address(executor)), 0, "nothing stays behind");
        }
        for (uint256 i; i < plan.tokens.length; ++i) nothingIsAllowed(plan.tokens[i]);
    }

    function nothingIsAllowed(address token) internal view {
        address[5] memory spenders = [address(vault), address(swapVault), address(curveDear), address(cryptoCheap), pairCheap];
        for (uint256 i; i < spenders.length; ++i) assertEq(IERC20(token).allowance(address(executor), spenders[i]), 0, "an allowance remains");
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

    function test_every_form_into_every_other() public {
        uint256 snapshot = vm.snapshotState();
        for (uint256 sell; sell < WAYS; ++sell) {
            for (uint256 buy; buy < WAYS; ++buy) {
                (Plan memory plan, uint256 profit) = planOf(sell, buy, 3e18);
                earns(plan, profit);
                vm.revertToState(snapshot);
            }
        }
    }

    function test_forms_follow_each_other_within_one_plan() public {
        // Each pair of commands starts and ends in WETH, so all of them live on one loan, and every spender is allowed something more than once.
        Plan memory plan;
        uint256 total;
        bytes memory commands;
        for (uint256 way; way < WAYS; ++way) {
            uint256 profit;
            (plan, profit) = planOf(way, way, 3e18);
            // Quoted one by one, each on the market that the others left untouched.
            total += profit;
            commands = bytes.concat(commands, plan.commands);
        }
        plan.commands = commands;
        earns(plan, total);
    }

    function test_balancer_pays_the_next_pair_itself() public {
        uint256 usdOut = quoteBalancer(weightedDear, weth, usd, 3e18);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdOut);
        Plan memory plan = newPlan(weth, 3e18);
        plan.commands = bytes.concat(balancer(address(swapVault), weightedDear, 0, usd, 3e18, usdOut), v2Forwarded(pairCheap, usd, wethOut));
        earns(plan, wethOut - 3e18);
    }

    function test_curve_cannot_pay_the_next_pair() public {
        uint256 usdOut = curveDear.dyOf(0, 1, 3e18);
        Plan memory plan = newPlan(weth, 3e18);
        plan.commands = bytes.concat(
            curve(address(curveDear), 0, 0, 0, 1, 3e18, usdOut), v2Forwarded(pairCheap, usd, quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdOut))
        );
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);
    }

    function test_the_vault_that_lends_cannot_be_swapped_in() public {
        swapVault = vault;
        bytes32 locked = newWeightedPool(weth, 1_000e18, usd, 2_100_000e18);
        Plan memory plan = newPlan(weth, 3e18);
        plan.commands = balancer(address(vault), locked, 0, usd, 3e18, 1);
        vm.expectRevert("BAL#400"); // REENTRANCY
        run(plan);
    }

    /// Anybody may deposit for the executor inside a vault. It neither pays with that nor is paid there.
    function test_balances_inside_a_vault_are_left_alone() public {
        UserBalanceOp[] memory ops = new UserBalanceOp[](1);
        ops[0] = UserBalanceOp(0, weth, 50e18, address(this), address(executor)); // DEPOSIT_INTERNAL
        give(weth, address(this), 50e18);
        IERC20(weth).approve(address(swapVault), 50e18);
        swapVault.manageUserBalance(ops);
        (Plan memory plan, uint256 profit) = planOf(3, 3, 3e18);
        earns(plan, profit);
        uint256[] memory inside = swapVault.getInternalBalance(address(executor), plan.tokens);
        assertEq(inside[0], 50e18);
        assertEq(inside[1], 0);
    }

    function test_minimum_of_balancer_and_curve_is_the_pools_to_enforce() public {
        uint256 out = quoteBalancer(weightedDear, weth, usd, 3e18);
        Plan memory plan = newPlan(weth, 3e18);
        plan.commands = balancer(address(swapVault), weightedDear, 0, usd, 3e18, out + 1);
        vm.expectRevert("BAL#507"); // SWAP_LIMIT
        run(plan);
        plan.commands = curve(address(curveDear), 0, 0, 0, 1, 3e18, curveDear.dyOf(0, 1, 3e18) + 1);
        vm.expectRevert("Exchange resulted in fewer coins than expected");
        run(plan);
    }

    function test_indices_of_the_other_type_are_not_understood() public {
        Plan memory plan = newPlan(weth, 3e18);
        plan.commands = curve(address(curveDear), UINT256_INDICES, 0, 0, 1, 3e18, 1);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.SwapFailed.selector, curveDear));
        run(plan);
        plan.commands = curve(address(cryptoCheap), 0, 0, 0, 1, 3e18, 1);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.SwapFailed.selector, cryptoCheap));
        run(plan);
    }

    function test_native_coin_of_a_vault_is_not_accepted() public {
        // Asset zero is the native coin in a Balancer vault, which unwraps for it.
        uint256 out = quoteBalancer(weightedCheap, usd, weth, 1_000e18);
        give(usd, address(vault), 1_000e18);
        Plan memory plan = newPlan(usd, 1_000e18);
        plan.commands = balancer(address(swapVault), weightedCheap, 0, address(0), 1_000e18, out);
        vm.expectRevert("BAL#420"); // ADDRESS_CANNOT_SEND_VALUE
        run(plan);
    }

    function test_cycle_from_the_other_side_borrows_and_earns_usd() public {
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), 8_000e18);
        uint256 usdOut = quoteV3(poolDear, zeroForOneOf(poolDear, weth), wethOut);
        Plan memory plan = newPlan(usd, 8_000e18);
        alsoPays(plan, weth);
        plan.commands = bytes.concat(v2(pairCheap, usd, 0, 8_000e18, wethOut), v3(poolDear, weth, 1, wethOut, usdOut));
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
            v2(pairDear, weth, 0, 2e18, usdA), v3(poolDear, weth, 0, 3e18, usdB), v2(pairCheap, usd, 1, usdA + usdB, wethOut)
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
        plan.commands = bytes.concat(v2(dear, weth, 0, 4e18, out), v3(cheap, tether, 1, out, wethOut));
        uint256 snapshot = vm.snapshotState();
        earns(plan, wethOut - 4e18);

        // Borrowed, swept and paid into a V2 pair as well.
        vm.revertToState(snapshot);
        uint256 wethMid = quoteV3(cheap, zeroForOneOf(cheap, tether), 8_000e6);
        uint256 back = quoteV2(dear, zeroForOneOf(dear, weth), wethMid);
        plan = newPlan(tether, 8_000e6);
        plan.commands = bytes.concat(v3(cheap, tether, 0, 8_000e6, wethMid), v2Forwarded(dear, weth, back));
        earns(plan, back - 8_000e6);
        vm.prank(owner);
        executor.sweep(tether, owner, back - 8_000e6);
        assertEq(IERC20(tether).balanceOf(owner), back - 8_000e6);
    }

    function test_token_that_returns_nothing_on_approve_and_approves_from_zero_only() public {
        address tether = address(new SilentToken());
        bytes32 dear = newWeightedPool(weth, 1_000e18, tether, 2_100_000e6);
        CurveDouble cheap = newCurvePool(false, weth, 1_000e18, tether, 2_000_000e6);
        uint256 out = quoteBalancer(dear, weth, tether, 4e18);
        Plan memory plan = newPlan(weth, 4e18);
        alsoPays(plan, tether);
        plan.commands = balancer(address(swapVault), dear, 0, tether, 4e18, out);
        uint256 back;
        for (uint256 i; i < 3; ++i) {
            uint256 part = cheap.dyOf(1, 0, out / 3);
            plan.commands = bytes.concat(plan.commands, curve(address(cheap), 0, 1, 1, 0, out / 3, part));
            back += part;
        }
        plan.minProfit = uint128(back - 4e18);
        run(plan);
        assertEq(IERC20(weth).balanceOf(address(executor)), back - 4e18);
        nothingIsAllowed(tether);
        assertEq(IERC20(tether).allowance(address(executor), address(cheap)), 0);
    }

    function test_token_that_refuses_an_approval_fails_the_plan() public {
        address token = address(new RefusingToken());
        Plan memory plan = newPlan(weth, 1e18);
        alsoPays(plan, token);
        plan.commands = curve(address(curveDear), 0, 1, 0, 1, 5, 1);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ApprovalFailed.selector, token, curveDear, 5));
        run(plan);
    }

    // ------------------------------------------------------------------------------------------------------ profit

    function test_losing_plan_reverts() public {
        // The wrong way round: buys WETH dear and sells it cheap.
        uint256 usdOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, weth), 5e18);
        uint256 wethOut = quoteV2(pairDear, zeroForOneOf(pairDear, usd), usdOut);
        Plan memory plan = newPlan(weth, 5e18);
        plan.commands = bytes.concat(v2(pairCheap, weth, 0, 5e18, usdOut), v2Forwarded(pairDear, usd, wethOut));
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

    /// USD borrowed, used in a cycle of USD, and what is left of them sold for WETH. `surplus`: what the cycle earned.
    function planSoldForWeth(uint256 amountIn) internal returns (Plan memory plan, uint256 surplus, uint256 profit) {
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), amountIn);
        uint256 usdOut = quoteV3(poolDear, zeroForOneOf(poolDear, weth), wethOut);
        surplus = usdOut - amountIn;
        profit = quoteV3(poolCheap, zeroForOneOf(poolCheap, usd), surplus);
        plan = newPlan(usd, amountIn);
        takesProfitIn(plan, weth);
        plan.commands = bytes.concat(
            v2(pairCheap, usd, 0, amountIn, wethOut), v3(poolDear, weth, 1, wethOut, usdOut), v3(poolCheap, usd, 0, surplus, profit)
        );
    }

    function test_profit_may_be_taken_in_another_token_than_the_borrowed_one() public {
        (Plan memory plan,, uint256 profit) = planSoldForWeth(8_000e18);
        uint256 lent = IERC20(usd).balanceOf(address(vault));
        earns(plan, profit);
        assertEq(IERC20(usd).balanceOf(address(vault)), lent, "the vault has its loan back");
    }

    function test_profit_token_need_not_be_one_that_is_paid_with() public {
        uint256 usdOut = quoteV2(pairDear, zeroForOneOf(pairDear, weth), 5e18);
        uint256 wethOut = quoteV2(pairCheap, zeroForOneOf(pairCheap, usd), usdOut);
        uint256 profit = quoteV2(pairMidWeth, zeroForOneOf(pairMidWeth, weth), wethOut - 5e18);
        Plan memory plan = newPlan(weth, 5e18);
        takesProfitIn(plan, mid);
        plan.commands =
            bytes.concat(v2(pairDear, weth, 0, 5e18, usdOut), v2Forwarded(pairCheap, usd, wethOut), v2(pairMidWeth, weth, 0, wethOut - 5e18, profit));
        earns(plan, profit);
    }

    function test_min_profit_is_of_the_profit_token_and_exact() public {
        (Plan memory plan,, uint256 profit) = planSoldForWeth(8_000e18);
        // More than enough of the borrowed token does not count.
        give(usd, address(executor), 1_000e18);
        plan.minProfit = uint128(profit + 1);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 0, profit, profit + 1));
        run(plan);
        give(weth, address(executor), 7e18);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 7e18, 7e18 + profit, profit + 1));
        run(plan);
        plan.minProfit = uint128(profit);
        run(plan);
        assertEq(IERC20(weth).balanceOf(address(executor)), 7e18 + profit);
        assertEq(IERC20(usd).balanceOf(address(executor)), 1_000e18);
    }

    function test_surplus_that_was_not_sold_stays_and_is_not_profit() public {
        (Plan memory plan, uint256 surplus, uint256 profit) = planSoldForWeth(8_000e18);
        plan.profitIndex = 0;
        plan.minProfit = 1;
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 0, 0, 1));
        run(plan);
        // Another way round: what is counted is WETH, what is earned are USD.
        plan.profitIndex = 1;
        bytes memory cycle_ = plan.commands;
        assembly {
            mstore(cycle_, 106) // without the sale
        }
        vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 0, 0, 1));
        run(plan);
        plan.minProfit = 0;
        run(plan);
        assertGt(profit, 0);
        assertEq(IERC20(usd).balanceOf(address(executor)), surplus);
        assertEq(IERC20(weth).balanceOf(address(executor)), 0);
    }

    function test_loan_fee_must_be_left_of_the_surplus() public {
        (Plan memory plan, uint256 surplus,) = planSoldForWeth(8_000e18);
        setLoanFee(0.0001e18);
        uint256 fee = 8_000e18 * 0.0001e18 / 1e18;
        vm.expectRevert(abi.encodeWithSelector(IExecutor.TransferFailed.selector, usd, address(vault), 8_000e18 + fee));
        run(plan);
        // Nor is it taken from what was there.
        give(usd, address(executor), 1_000e18);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceFell.selector, usd, 1_000e18, 1_000e18 - fee));
        run(plan);
        // Sold without the fee, the trade is what it promises.
        bytes memory commands = plan.commands;
        assembly {
            mstore(commands, 106) // without the sale
        }
        uint256 profit = quoteV3(poolCheap, zeroForOneOf(poolCheap, usd), surplus - fee);
        plan.commands = bytes.concat(commands, v3(poolCheap, usd, 0, surplus - fee, profit));
        plan.minProfit = uint128(profit);
        run(plan);
        assertEq(IERC20(usd).balanceOf(address(executor)), 1_000e18);
        assertEq(IERC20(weth).balanceOf(address(executor)), profit);
    }

    function testFuzz_sold_surplus_is_exact_profit_or_no_change(uint256 amountIn, uint256 heldUsd, uint256 heldWeth, uint256 minProfit) public {
        give(usd, address(executor), heldUsd = bound(heldUsd, 0, 1_000_000e18));
        give(weth, address(executor), heldWeth = bound(heldWeth, 0, 1_000e18));
        (Plan memory plan, uint256 surplus, uint256 profit) = planSoldForWeth(bound(amountIn, 1e15, 20_000e18));
        plan.minProfit = uint128(bound(minProfit, 0, 2 * profit));
        vm.prank(operator);
        try executor.execute(encode(plan)) {
            assertGe(profit, plan.minProfit);
            assertEq(IERC20(weth).balanceOf(address(executor)), heldWeth + profit);
        } catch {
            assertTrue(profit < plan.minProfit || surplus == 0, "refused a plan that pays");
            assertEq(IERC20(weth).balanceOf(address(executor)), heldWeth);
        }
        assertEq(IERC20(usd).balanceOf(address(executor)), heldUsd);
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
        plan.commands = v2(pairCheap, usd, 1, 10_000e18, wethOut);
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BalanceFell.selector, usd, 50_000e18, 40_000e18));
        run(plan);

        // Nor by leaving the token out of the table…
        plan = newPlan(weth, 1e18);
        plan.commands = v2(pairCheap, usd, 1, 10_000e18, wethOut);
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);
        // …or through a V3 pool's callback.
        plan.commands = v3(poolCheap, usd, 1, 10_000e18, 0);
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);
    }

    function testFuzz_either_exact_profit_or_no_change(uint256 amountIn, uint256 held, uint8 kind, uint256 minProfit) public {
        amountIn = bound(amountIn, 1e12, 400e18);
        held = bound(held, 0, 1_000e18);
        give(weth, address(executor), held);
        kind %= 3 + WAYS * WAYS;
        (Plan memory plan, uint256 profit) = kind == 0
            ? planV2V2(amountIn)
            : kind == 1 ? planV3V2(amountIn) : kind == 2 ? planV2V2V2(amountIn) : planOf((kind - 3) / WAYS, (kind - 3) % WAYS, amountIn);
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
        plan.commands = bytes.concat(v2(pairCheap, usd, 0, 8_000e18, wethOut), v2Forwarded(pairDear, weth, usdOut));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.BuilderPaymentNeedsWrappedNative.selector, usd));
        run(plan);
    }

    function test_builder_is_paid_out_of_sold_surplus() public {
        address builder = makeAddr("builder");
        vm.coinbase(builder);
        (Plan memory plan,, uint256 profit) = planSoldForWeth(8_000e18);
        plan.builderPayment = uint128(profit - 1);
        plan.minProfit = 1;
        vm.expectEmit(address(executor));
        emit IExecutor.Executed(plan.id, weth, 1, profit - 1);
        run(plan);
        assertEq(builder.balance, profit - 1);
        assertEq(IERC20(weth).balanceOf(address(executor)), 1);
    }

    function test_builder_payment_of_a_weth_loan_needs_profit_in_weth_too() public {
        (Plan memory plan,) = planV2V3(5e18);
        plan.profitIndex = 1;
        plan.builderPayment = 1;
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
        plan.commands = v2(pairDear, weth, 0, 5e18, usdOut + 1e18);
        vm.expectRevert("UniswapV2: K");
        run(plan);
    }

    function test_token_that_answers_false_fails_the_plan() public {
        address token = address(new RefusingToken());
        Plan memory plan = newPlan(weth, 1e18);
        alsoPays(plan, token);
        plan.commands = abi.encodePacked(uint8(V2 | (1 << 4)), pairCheap, uint128(1), uint128(5));
        vm.expectRevert(abi.encodeWithSelector(IExecutor.TransferFailed.selector, token, pairCheap, 5));
        run(plan);
    }

    /// Cut anywhere but between two commands, it is refused as malformed; cut there, the loan cannot be repaid.
    function refusesWhenCut(bytes memory good, uint256 between) private {
        for (uint256 length; length < good.length; ++length) {
            bytes memory cut = new bytes(length);
            for (uint256 i; i < length; ++i) cut[i] = good[i];
            vm.prank(operator);
            if (length == between) vm.expectRevert(abi.encodeWithSelector(IExecutor.TransferFailed.selector, weth, address(vault), 5e18));
            else if (length == 90 + 40) vm.expectRevert(abi.encodeWithSelector(IExecutor.ProfitBelowMinimum.selector, 0, 0, 1));
            else vm.expectRevert(IExecutor.MalformedPlan.selector);
            if (length == 90 + 40) cut[71] = 0x01; // minProfit = 1: an empty plan is harmless, but earns nothing
            executor.execute(cut);
        }
    }

    function test_malformed_plans_revert() public {
        (Plan memory plan,) = planV2V3(5e18);
        bytes memory good = encode(plan);
        refusesWhenCut(good, 90 + 40 + 53);
        (plan,) = planOf(3, 4, 5e18);
        refusesWhenCut(encode(plan), 90 + 40 + 105);

        vm.prank(operator);
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        executor.execute(bytes.concat(good, hex"00"));

        plan.loanAmount = 0;
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);

        // Forms that do not exist, however long.
        for (uint8 form = CURVE + 1; form < 8; ++form) {
            for (uint256 length = 1; length < 160; length += 53) {
                plan = newPlan(weth, 5e18);
                plan.commands = bytes.concat(bytes1(form), new bytes(length));
                // Little gas: a command without a length would be run for ever.
                vm.prank(operator);
                vm.expectRevert(IExecutor.MalformedPlan.selector);
                executor.execute{gas: 1_000_000}(encode(plan));
            }
        }

        plan.tokens = new address[](0);
        plan.commands = new bytes(100);
        vm.expectRevert(IExecutor.MalformedPlan.selector);
        run(plan);

        // A profit in a token that is not in the table, which nobody would have watched.
        (plan,) = planV2V3(5e18);
        for (uint256 index = 2; index < 256; index += index < 15 ? 1 : 16) {
            plan.profitIndex = uint8(index);
            vm.expectRevert(IExecutor.MalformedPlan.selector);
            run(plan);
        }

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
        // Nor with a call of no function, which is taken for a callback.
        vm.prank(stranger);
        (ok,) = address(executor).call{value: 1}(hex"deadbeef");
        assertFalse(ok);
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
