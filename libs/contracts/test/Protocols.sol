// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {IExecutor} from "../src/interfaces/IExecutor.sol";
import {CurveCryptoDouble, CurveDouble, CurveStableDouble, PancakeDeployer, V3Provider} from "./Doubles.sol";

interface IERC20 {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
    function approve(address spender, uint256 amount) external returns (bool);
    function allowance(address holder, address spender) external view returns (uint256);
}

interface IV2Factory {
    function createPair(address tokenA, address tokenB) external returns (address);
}

interface IV2Pair {
    function token0() external view returns (address);
    function getReserves() external view returns (uint112, uint112, uint32);
    function mint(address to) external returns (uint256);
    function sync() external;
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;
}

interface IV3Factory {
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address);
}

interface IV3Pool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function fee() external view returns (uint24);
    function tickSpacing() external view returns (int24);
    function liquidity() external view returns (uint128);
    function slot0() external view returns (uint160 sqrtPriceX96, int24 tick, uint16, uint16, uint16, uint8, bool);
    function ticks(int24 tick) external view returns (uint128 gross, int128 net, uint256, uint256, int56, uint160, uint32, bool);
    function initialize(uint160 sqrtPriceX96) external;
    function mint(address to, int24 tickLower, int24 tickUpper, uint128 amount, bytes calldata data) external returns (uint256, uint256);
    function burn(int24 tickLower, int24 tickUpper, uint128 amount) external returns (uint256, uint256);
    function swap(address to, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data) external returns (int256, int256);
}

interface IVault {
    function flashLoan(address receiver, address[] calldata tokens, uint256[] calldata amounts, bytes calldata userData) external;
    function getProtocolFeesCollector() external view returns (address);
    function swap(SingleSwap memory singleSwap, FundManagement memory funds, uint256 limit, uint256 deadline) external payable returns (uint256);
    function queryBatchSwap(uint8 kind, BatchSwapStep[] memory swaps, address[] memory assets, FundManagement memory funds) external returns (int256[] memory);
    function joinPool(bytes32 poolId, address sender, address recipient, JoinPoolRequest memory request) external payable;
    function manageUserBalance(UserBalanceOp[] memory ops) external payable;
    function getInternalBalance(address user, address[] memory tokens) external view returns (uint256[] memory);
}

struct UserBalanceOp {
    uint8 kind;
    address asset;
    uint256 amount;
    address sender;
    address recipient;
}

struct SingleSwap {
    bytes32 poolId;
    uint8 kind;
    address assetIn;
    address assetOut;
    uint256 amount;
    bytes userData;
}

struct BatchSwapStep {
    bytes32 poolId;
    uint256 assetInIndex;
    uint256 assetOutIndex;
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

interface IBalancerPool {
    function getPoolId() external view returns (bytes32);
}

interface IAlgebraFactory {
    function createPool(address tokenA, address tokenB) external returns (address);
}

interface IAlgebraPool {
    function mint(address sender, address to, int24 bottomTick, int24 topTick, uint128 amount, bytes calldata data) external;
}

interface IAuthorizer {
    function grantRole(bytes32 role, address account) external;
}

interface IFeesCollector {
    function getActionId(bytes4 selector) external view returns (bytes32);
    function setFlashLoanFeePercentage(uint256 percentage) external;
}

/// An ordinary token that anybody may mint.
contract TestToken {
    uint8 public constant decimals = 18;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external virtual returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external virtual returns (bool) {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
        return true;
    }

    function approve(address spender, uint256 amount) external virtual returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function _move(address from, address to, uint256 amount) internal virtual {
        require(balanceOf[from] >= amount, "balance");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// As USDT on mainnet: nothing is returned, and no allowance that is not zero can be changed but to zero.
contract SilentToken {
    uint8 public constant decimals = 6;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external {
        require(balanceOf[msg.sender] >= amount, "balance");
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        require(amount == 0 || allowance[msg.sender][spender] == 0, "approve: not from zero");
        allowance[msg.sender][spender] = amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        require(balanceOf[from] >= amount, "balance");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Says "false" instead of reverting, as some old tokens do.
contract RefusingToken is TestToken {
    function transfer(address to, uint256 amount) external override returns (bool) {
        if (balanceOf[msg.sender] < amount) return false;
        _move(msg.sender, to, amount);
        return true;
    }

    function approve(address, uint256) external pure override returns (bool) {
        return false;
    }
}

/// @notice Deploys the published protocols from npm, the executor from its artifact, and knows how to quote, trade and build plans.
abstract contract Protocols is Test {
    string internal constant MODULES = "../../node_modules/";
    uint8 internal constant V2_FORWARDED = 0;
    uint8 internal constant V2 = 1;
    uint8 internal constant V3 = 2;
    uint8 internal constant BALANCER_V2 = 3;
    uint8 internal constant CURVE = 4;
    uint8 internal constant ZERO_FOR_ONE = 8;
    uint8 internal constant UINT256_INDICES = 8;
    uint160 internal constant MIN_LIMIT = 4295128740;
    uint160 internal constant MAX_LIMIT = 1461446703485210103287273052203988822378723970341;

    address internal owner = makeAddr("owner");
    address internal operator = makeAddr("operator");
    address internal stranger = makeAddr("stranger");

    IExecutor internal executor;
    /// Lends.
    IVault internal vault;
    /// Holds the pools to swap in: a Balancer vault refuses to do both at once.
    IVault internal swapVault;
    address internal authorizer;
    address internal weth;
    IV2Factory internal v2Factory;
    IV2Factory internal otherV2Factory;
    IV3Factory internal v3Factory;

    /// One plan under construction.
    struct Plan {
        bytes32 id;
        uint64 validUntilBlock;
        uint128 loanAmount;
        uint128 minProfit;
        uint128 builderPayment;
        uint8 profitIndex;
        address[] tokens;
        bytes commands;
    }

    function deployProtocols() internal {
        weth = deploy(string.concat(MODULES, "@uniswap/v2-periphery/build/WETH9.json"), ".bytecode", "");
        string memory pathV2 = string.concat(MODULES, "@uniswap/v2-core/build/UniswapV2Factory.json");
        v2Factory = IV2Factory(deploy(pathV2, ".bytecode", abi.encode(address(0))));
        otherV2Factory = IV2Factory(deploy(pathV2, ".bytecode", abi.encode(address(0))));
        v3Factory = IV3Factory(
            deploy(string.concat(MODULES, "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"), ".bytecode", "")
        );
        authorizer = deploy(
            string.concat(MODULES, "@balancer-labs/v2-deployments/dist/tasks/20210418-authorizer/bytecode/Authorizer.json"),
            ".creationCode",
            abi.encode(address(this))
        );
        vault = newVault();
        swapVault = newVault();
        executor = newExecutor(address(vault));
    }

    function newVault() internal returns (IVault) {
        return IVault(
            deploy(
                string.concat(MODULES, "@balancer-labs/v2-deployments/dist/tasks/20210418-vault/bytecode/Vault.json"),
                ".creationCode",
                abi.encode(authorizer, weth, uint256(7776000), uint256(2592000))
            )
        );
    }

    function newExecutor(address lender) internal returns (IExecutor made) {
        made = IExecutor(deploy("artifacts/Executor.json", ".bytecode", abi.encode(owner, lender, weth)));
        vm.prank(owner);
        made.setOperator(operator, true);
    }

    function deploy(string memory file, string memory key, bytes memory args) internal returns (address made) {
        string memory code = vm.parseJsonString(vm.readFile(file), key);
        if (bytes(code)[1] != "x") code = string.concat("0x", code);
        bytes memory creation = bytes.concat(vm.parseBytes(code), args);
        assembly {
            made := create(0, add(creation, 0x20), mload(creation))
        }
        require(made != address(0), string.concat("cannot deploy ", file));
    }

    function setLoanFee(uint256 percentageWad) internal {
        IFeesCollector collector = IFeesCollector(vault.getProtocolFeesCollector());
        IAuthorizer(authorizer).grantRole(collector.getActionId(IFeesCollector.setFlashLoanFeePercentage.selector), address(this));
        collector.setFlashLoanFeePercentage(percentageWad);
    }

    function give(address token, address to, uint256 amount) internal {
        if (token == weth) {
            vm.deal(address(this), amount);
            (bool ok,) = weth.call{value: amount}(abi.encodeWithSignature("deposit()"));
            require(ok);
            IERC20(weth).transfer(to, amount);
        } else {
            TestToken(token).mint(to, amount);
        }
    }

    function newPair(IV2Factory factory, address tokenA, uint256 amountA, address tokenB, uint256 amountB) internal returns (address pair) {
        pair = factory.createPair(tokenA, tokenB);
        give(tokenA, pair, amountA);
        give(tokenB, pair, amountB);
        IV2Pair(pair).mint(address(this));
    }

    /// A V3 pool at the price amountB / amountA with liquidity over most of the range, and a tighter position around the price.
    function newPool(address tokenA, uint256 amountA, address tokenB, uint256 amountB, uint24 fee) internal returns (address pool) {
        pool = v3Factory.createPool(tokenA, tokenB, fee);
        (uint256 amount0, uint256 amount1) = IV3Pool(pool).token0() == tokenA ? (amountA, amountB) : (amountB, amountA);
        IV3Pool(pool).initialize(uint160(sqrt((amount1 << 96) / amount0) << 48));
        uint128 amount = uint128(sqrt(amount0 * amount1));
        int24 spacing = IV3Pool(pool).tickSpacing();
        (, int24 tick,,,,,) = IV3Pool(pool).slot0();
        int24 middle = tick / spacing * spacing;
        IV3Pool(pool).mint(address(this), -887200 / spacing * spacing, 887200 / spacing * spacing, amount, "");
        IV3Pool(pool).mint(address(this), middle - 20 * spacing, middle + 20 * spacing, amount, "");
    }

    function newPancakePool(address tokenA, uint256 amountA, address tokenB, uint256 amountB) internal returns (address pool) {
        string memory file = string.concat(MODULES, "@pancakeswap/v3-core/artifacts/contracts/PancakeV3Pool.sol/PancakeV3Pool.json");
        bytes memory creation = vm.parseBytes(vm.parseJsonString(vm.readFile(file), ".bytecode"));
        (address token0, address token1) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        pool = new PancakeDeployer().deploy(creation, token0, token1, 2500, 50);
        (uint160 price, uint128 amount) = startOf(pool, tokenA, amountA, amountB);
        IV3Pool(pool).initialize(price);
        IV3Pool(pool).mint(address(this), -887200, 887200, amount, "");
    }

    function newAlgebraPool(address tokenA, uint256 amountA, address tokenB, uint256 amountB) internal returns (address pool) {
        string memory core = string.concat(MODULES, "@cryptoalgebra/core/artifacts/contracts/");
        address deployer = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        address factory = deploy(string.concat(core, "AlgebraFactory.sol/AlgebraFactory.json"), ".bytecode", abi.encode(deployer));
        deploy(string.concat(core, "AlgebraPoolDeployer.sol/AlgebraPoolDeployer.json"), ".bytecode", abi.encode(factory, address(this)));
        pool = IAlgebraFactory(factory).createPool(tokenA, tokenB);
        (uint160 price, uint128 amount) = startOf(pool, tokenA, amountA, amountB);
        IV3Pool(pool).initialize(price);
        IAlgebraPool(pool).mint(address(this), address(this), -887220, 887220, amount, "");
    }

    function startOf(address pool, address tokenA, uint256 amountA, uint256 amountB) private view returns (uint160 price, uint128 amount) {
        (uint256 amount0, uint256 amount1) = IV3Pool(pool).token0() == tokenA ? (amountA, amountB) : (amountB, amountA);
        return (uint160(sqrt((amount1 << 96) / amount0) << 48), uint128(sqrt(amount0 * amount1)));
    }

    /// A pool of equal weights and a fee of 0.3 % in `swapVault`.
    function newWeightedPool(address tokenA, uint256 amountA, address tokenB, uint256 amountB) internal returns (bytes32 poolId) {
        JoinPoolRequest memory request;
        request.assets = new address[](2);
        request.maxAmountsIn = new uint256[](2);
        (request.assets[0], request.assets[1]) = tokenA < tokenB ? (tokenA, tokenB) : (tokenB, tokenA);
        (request.maxAmountsIn[0], request.maxAmountsIn[1]) = tokenA < tokenB ? (amountA, amountB) : (amountB, amountA);
        request.userData = abi.encode(uint256(0), request.maxAmountsIn); // JoinKind.INIT
        uint256[] memory weights = new uint256[](2);
        weights[0] = weights[1] = 0.5e18;
        bytes memory args =
            abi.encode(address(swapVault), "weighted", "W", request.assets, weights, uint256(0.003e18), uint256(0), uint256(0), address(this));
        string memory file = string.concat(MODULES, "@balancer-labs/v2-deployments/dist/tasks/20210418-weighted-pool/bytecode/WeightedPool.json");
        poolId = IBalancerPool(deploy(file, ".creationCode", args)).getPoolId();
        for (uint256 i; i < 2; ++i) {
            give(request.assets[i], address(this), request.maxAmountsIn[i]);
            (bool ok,) = request.assets[i].call(abi.encodeCall(IERC20.approve, (address(swapVault), request.maxAmountsIn[i])));
            require(ok);
        }
        swapVault.joinPool(poolId, address(this), address(this), request);
    }

    function newCurvePool(bool crypto, address tokenA, uint256 amountA, address tokenB, uint256 amountB) internal returns (CurveDouble pool) {
        address[] memory coins = new address[](2);
        uint256[] memory worth = new uint256[](2);
        (coins[0], coins[1], worth[0], worth[1]) = (tokenA, tokenB, amountB, amountA);
        pool = crypto ? CurveDouble(new CurveCryptoDouble(coins, worth)) : CurveDouble(new CurveStableDouble(coins, worth));
        give(tokenA, address(pool), amountA);
        give(tokenB, address(pool), amountB);
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        payV3(int256(amount0), int256(amount1), "");
    }

    function pancakeV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        payV3(int256(amount0), int256(amount1), "");
    }

    function algebraMintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        payV3(int256(amount0), int256(amount1), "");
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        payV3(amount0, amount1, data);
    }

    function pancakeV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        payV3(amount0, amount1, data);
    }

    function algebraSwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
        payV3(amount0, amount1, data);
    }

    /// Quotes revert with the amounts (data "quote"); trades and mints pay.
    function payV3(int256 amount0, int256 amount1, bytes memory data) private {
        if (data.length > 0) {
            bytes memory amounts = abi.encode(amount0, amount1);
            assembly {
                revert(add(amounts, 0x20), 0x40)
            }
        }
        if (amount0 > 0) give(IV3Pool(msg.sender).token0(), msg.sender, uint256(amount0));
        if (amount1 > 0) give(IV3Pool(msg.sender).token1(), msg.sender, uint256(amount1));
    }

    function quoteV2(address pair, bool zeroForOne, uint256 amountIn) internal view returns (uint256) {
        (uint256 reserveIn, uint256 reserveOut,) = IV2Pair(pair).getReserves();
        if (!zeroForOne) (reserveIn, reserveOut) = (reserveOut, reserveIn);
        return amountIn * 997 * reserveOut / (reserveIn * 1000 + amountIn * 997);
    }

    function quoteV3(address pool, bool zeroForOne, uint256 amountIn) internal returns (uint256) {
        try IV3Pool(pool).swap(address(this), zeroForOne, int256(amountIn), zeroForOne ? MIN_LIMIT : MAX_LIMIT, "quote") {
            return 0;
        } catch (bytes memory amounts) {
            if (amounts.length != 64) return 0;
            (int256 amount0, int256 amount1) = abi.decode(amounts, (int256, int256));
            return uint256(-(zeroForOne ? amount1 : amount0));
        }
    }

    function quoteBalancer(bytes32 poolId, address tokenIn, address tokenOut, uint256 amountIn) internal returns (uint256) {
        BatchSwapStep[] memory steps = new BatchSwapStep[](1);
        steps[0] = BatchSwapStep(poolId, 0, 1, amountIn, "");
        address[] memory assets = new address[](2);
        (assets[0], assets[1]) = (tokenIn, tokenOut);
        // More than the vault gives in one swap is an error there, nothing here.
        try swapVault.queryBatchSwap(0, steps, assets, FundManagement(address(this), false, address(this), false)) returns (int256[] memory deltas) {
            return uint256(-deltas[1]);
        } catch {
            return 0;
        }
    }

    function zeroForOneOf(address pool, address tokenIn) internal view returns (bool) {
        return IV2Pair(pool).token0() == tokenIn;
    }

    function flagsOf(address pool, address tokenIn, uint8 index) internal view returns (uint8) {
        return (zeroForOneOf(pool, tokenIn) ? ZERO_FOR_ONE : 0) | (index << 4);
    }

    function v2(address pair, address tokenIn, uint8 index, uint256 amountIn, uint256 amountOut) internal view returns (bytes memory) {
        return abi.encodePacked(flagsOf(pair, tokenIn, index) | V2, pair, uint128(amountOut), uint128(amountIn));
    }

    /// Takes the output of the command before it.
    function v2Forwarded(address pair, address tokenIn, uint256 amountOut) internal view returns (bytes memory) {
        return abi.encodePacked(flagsOf(pair, tokenIn, 0) | V2_FORWARDED, pair, uint128(amountOut));
    }

    function v3(address pool, address tokenIn, uint8 index, uint256 amountIn, uint256 minOut) internal view returns (bytes memory) {
        return abi.encodePacked(flagsOf(pool, tokenIn, index) | V3, pool, uint128(minOut), uint128(amountIn));
    }

    function balancer(address target, bytes32 poolId, uint8 index, address tokenOut, uint256 amountIn, uint256 minOut) internal pure returns (bytes memory) {
        return abi.encodePacked(BALANCER_V2 | (index << 4), target, uint128(minOut), uint128(amountIn), poolId, tokenOut);
    }

    function curve(address pool, uint8 detail, uint8 index, uint8 i, uint8 j, uint256 amountIn, uint256 minOut) internal pure returns (bytes memory) {
        return abi.encodePacked(CURVE | detail | (index << 4), pool, uint128(minOut), uint128(amountIn), i, j);
    }

    function newPlan(address loanToken, uint256 loanAmount) internal view returns (Plan memory plan) {
        plan.id = keccak256("execution");
        plan.validUntilBlock = uint64(block.number);
        plan.loanAmount = uint128(loanAmount);
        plan.tokens = new address[](1);
        plan.tokens[0] = loanToken;
    }

    function alsoPays(Plan memory plan, address token) internal pure {
        address[] memory tokens = new address[](plan.tokens.length + 1);
        for (uint256 i; i < plan.tokens.length; ++i) tokens[i] = plan.tokens[i];
        tokens[plan.tokens.length] = token;
        plan.tokens = tokens;
    }

    /// Takes the plan's profit in `token` from here on, which joins the table where it is not in it.
    function takesProfitIn(Plan memory plan, address token) internal pure {
        uint8 index;
        while (index < plan.tokens.length && plan.tokens[index] != token) ++index;
        if (index == plan.tokens.length) alsoPays(plan, token);
        plan.profitIndex = index;
    }

    function encode(Plan memory plan) internal pure returns (bytes memory packed) {
        packed = abi.encodePacked(
            plan.id, plan.validUntilBlock, plan.loanAmount, plan.minProfit, plan.builderPayment, plan.profitIndex, uint8(plan.tokens.length)
        );
        for (uint256 i; i < plan.tokens.length; ++i) packed = bytes.concat(packed, bytes20(plan.tokens[i]));
        packed = bytes.concat(packed, plan.commands);
    }

    function run(Plan memory plan) internal {
        vm.prank(operator);
        executor.execute(encode(plan));
    }

    function sqrt(uint256 x) internal pure returns (uint256 y) {
        if (x == 0) return 0;
        uint256 z = x / 2 + 1;
        y = x;
        while (z < y) (y, z) = (z, (x / z + z) / 2);
    }
}
