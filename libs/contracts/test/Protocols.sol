// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {IExecutor} from "../src/interfaces/IExecutor.sol";

interface IERC20 {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
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
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external virtual returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
        return true;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function _move(address from, address to, uint256 amount) internal virtual {
        require(balanceOf[from] >= amount, "balance");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// As USDT on mainnet: `transfer` returns nothing.
contract SilentToken {
    mapping(address => uint256) public balanceOf;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external {
        require(balanceOf[msg.sender] >= amount, "balance");
        balanceOf[msg.sender] -= amount;
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
}

/// @notice Deploys the published protocols from npm, the executor from its artifact, and knows how to quote, trade and build plans.
abstract contract Protocols is Test {
    string internal constant MODULES = "../../node_modules/";
    uint8 internal constant V3 = 1;
    uint8 internal constant ZERO_FOR_ONE = 2;
    uint8 internal constant FORWARD = 4;
    uint8 internal constant PAY = 8;
    uint160 internal constant MIN_LIMIT = 4295128740;
    uint160 internal constant MAX_LIMIT = 1461446703485210103287273052203988822378723970341;

    address internal owner = makeAddr("owner");
    address internal operator = makeAddr("operator");
    address internal stranger = makeAddr("stranger");

    IExecutor internal executor;
    IVault internal vault;
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
        string memory balancer = string.concat(MODULES, "@balancer-labs/v2-deployments/dist/tasks/");
        authorizer = deploy(
            string.concat(balancer, "20210418-authorizer/bytecode/Authorizer.json"), ".creationCode", abi.encode(address(this))
        );
        vault = IVault(
            deploy(
                string.concat(balancer, "20210418-vault/bytecode/Vault.json"),
                ".creationCode",
                abi.encode(authorizer, weth, uint256(7776000), uint256(2592000))
            )
        );
        executor = newExecutor(address(vault));
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

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        give(IV3Pool(msg.sender).token0(), msg.sender, amount0);
        give(IV3Pool(msg.sender).token1(), msg.sender, amount1);
    }

    /// Quotes revert with the amounts (data "quote"); trades pay.
    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external {
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

    function zeroForOneOf(address pool, address tokenIn) internal view returns (bool) {
        return IV2Pair(pool).token0() == tokenIn;
    }

    function flagsOf(address pool, address tokenIn, uint8 index) internal view returns (uint8) {
        return (zeroForOneOf(pool, tokenIn) ? ZERO_FOR_ONE : 0) | (index << 4);
    }

    function v2Pay(address pair, address tokenIn, uint8 index, uint256 amountIn, uint256 amountOut, uint8 more) internal view returns (bytes memory) {
        return abi.encodePacked(flagsOf(pair, tokenIn, index) | PAY | more, pair, uint128(amountOut), uint128(amountIn));
    }

    function v2Paid(address pair, address tokenIn, uint256 amountOut, uint8 more) internal view returns (bytes memory) {
        return abi.encodePacked(flagsOf(pair, tokenIn, 0) | more, pair, uint128(amountOut));
    }

    function v3(address pool, address tokenIn, uint8 index, uint256 amountIn, uint256 minOut, uint8 more) internal view returns (bytes memory) {
        return abi.encodePacked(flagsOf(pool, tokenIn, index) | V3 | more, pool, uint128(amountIn), uint128(minOut));
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

    function encode(Plan memory plan) internal pure returns (bytes memory packed) {
        packed = abi.encodePacked(
            plan.id, plan.validUntilBlock, plan.loanAmount, plan.minProfit, plan.builderPayment, uint8(plan.tokens.length)
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
