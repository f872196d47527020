// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IExecutor} from "./interfaces/IExecutor.sol";

/// @title Executor: borrows, swaps through the plan's pools, repays, and keeps the profit or reverts.
///
/// @notice A plan is one tightly packed byte string (layout in `execute`). Its amounts were computed off chain, exactly, for one state of the chain; the
/// contract decides nothing but whether the outcome is good enough.
///
/// @dev What the safety rests on, in the order in which it was designed:
///
/// 1. Balances never fall. Every token that this contract itself can pay with stands in the plan's token table (payments name a token by its index there).
///    All balances of the table are read before the loan and again after everything was paid: the one token of the table in which the plan takes its profit
///    must have risen by the minimum profit, the others, the borrowed one among them, must not have fallen. So whatever pools an operator names, honest or
///    not, what the contract held before cannot leave through `execute`. An operator can at worst waste gas or give away the profit of its own plan; only the
///    owner can take tokens out.
/// 2. Callbacks are answered only when asked for. `progress` and the two `payment` slots live in transient storage (EIP-1153): the vault is answered once,
///    during our own `execute`, and only with the very bytes we handed to it; a pool is answered once, while we are inside the call to it, up to its
///    command's amount.
/// 3. Calls have a fixed shape. Outside targets are only ever called with `swap`, `exchange`, `transfer`, `approve`, `allowance`, `balanceOf`, `withdraw`
///    and `flashLoan`; the one call with free recipient and value pays the builder.
/// 4. No allowance outlives its call. A Balancer vault and a Curve pool collect their payment themselves: each gets an allowance of exactly its command's
///    amount, right before the call to it, and unless that allowance reads zero right after, the plan reverts. So every allowance is zero between commands,
///    which is also what tokens like USDT ask of the next `approve`.
contract Executor is IExecutor {
    /// @dev Values of `progress`, which otherwise is the hash of the plan whose loan is awaited. A hash that equals one of these has negligible probability.
    bytes32 private constant IDLE = 0;
    bytes32 private constant RUNNING = bytes32(uint256(1));

    /// @dev Plan header; see `execute`.
    uint256 private constant VALID_UNTIL_BLOCK_AT = 32;
    uint256 private constant LOAN_AMOUNT_AT = 40;
    uint256 private constant MIN_PROFIT_AT = 56;
    uint256 private constant BUILDER_PAYMENT_AT = 72;
    uint256 private constant PROFIT_INDEX_AT = 88;
    uint256 private constant TOKEN_COUNT_AT = 89;
    uint256 private constant TOKENS_AT = 90;
    uint256 private constant TOKEN_BYTES = 20;

    /// @dev A command's first byte: its form in bits 0 to 2, a detail of the form in bit 3, an index into the token table in bits 4 to 7.
    uint256 private constant FORM_MASK = 7;
    uint256 private constant V2_FORWARDED = 0;
    uint256 private constant V2 = 1;
    uint256 private constant V3 = 2;
    uint256 private constant BALANCER_V2 = 3;
    uint256 private constant CURVE = 4;
    uint256 private constant ZERO_FOR_ONE = 8;
    uint256 private constant UINT256_INDICES = 8;
    uint256 private constant TOKEN_INDEX_SHIFT = 4;

    /// @dev Offsets within a command, and the length of each form in bytes, form 0 in the lowest byte; zero where there is no such form.
    uint256 private constant POOL_AT = 1;
    uint256 private constant AMOUNT_OUT_AT = 21;
    uint256 private constant AMOUNT_IN_AT = 37;
    uint256 private constant POOL_ID_AT = 53;
    uint256 private constant TOKEN_OUT_AT = 85;
    uint256 private constant I_AT = 53;
    uint256 private constant J_AT = 54;
    uint256 private constant COMMAND_LENGTHS = 37 | (53 << 8) | (53 << 16) | (105 << 24) | (55 << 32);

    /// @dev TickMath.MIN_SQRT_RATIO + 1 and MAX_SQRT_RATIO - 1 (v3-core): no price limit, the amounts are the limit.
    uint256 private constant MIN_SQRT_PRICE_LIMIT = 4295128740;
    uint256 private constant MAX_SQRT_PRICE_LIMIT = 1461446703485210103287273052203988822378723970341;

    /// @inheritdoc IExecutor
    address public immutable override vault;
    /// @inheritdoc IExecutor
    address public immutable override wrappedNative;

    /// @inheritdoc IExecutor
    address public override owner;
    /// @inheritdoc IExecutor
    address public override pendingOwner;
    /// @inheritdoc IExecutor
    bool public override paused;
    /// @inheritdoc IExecutor
    mapping(address account => bool) public override isOperator;

    /// @dev IDLE, or the hash of the plan whose loan we asked for, or RUNNING once that loan has come. Doubles as the re-entrancy guard.
    bytes32 private transient progress;
    /// @dev The one payment a V3 pool may claim now: pool (160 bits) and the amount's low 96 bits; zero when none is due.
    uint256 private transient paymentDue;
    /// @dev Its token (160 bits) and the amount's high 32 bits. Two slots instead of three save 200 gas a hop.
    uint256 private transient paymentToken;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    constructor(address owner_, address vault_, address wrappedNative_) {
        if (owner_ == address(0) || vault_ == address(0) || wrappedNative_ == address(0)) revert ZeroAddress();
        owner = owner_;
        vault = vault_;
        wrappedNative = wrappedNative_;
        emit OwnershipTransferred(address(0), owner_);
    }

    /// @dev Only what unwrapping sends. (A coin forced in by other means is the owner's to sweep.)
    receive() external payable {
        if (msg.sender != wrappedNative) revert NativeNotAccepted(msg.sender);
    }

    // ---------------------------------------------------------------------------------------------------------------------------------- execution

    /// @notice Borrows, swaps, repays, pays the builder, and reverts unless the plan's profit is in the contract afterwards.
    ///
    /// @dev Amounts are 16 bytes, addresses 20, all big-endian and unpadded:
    ///
    ///     header        executionId 32 | validUntilBlock 8 | loanAmount 16 | minProfit 16 | builderPayment 16 | profitIndex 1 | tokenCount 1 | tokens 20 each
    ///     V2 forwarded  0 | pair 20  | amountOut 16
    ///     V2            1 | pair 20  | amountOut 16    | amountIn 16
    ///     V3            2 | pool 20  | amountOutMin 16 | amountIn 16
    ///     Balancer V2   3 | vault 20 | amountOutMin 16 | amountIn 16 | poolId 32 | tokenOut 20
    ///     Curve         4 | pool 20  | amountOutMin 16 | amountIn 16 | i 1 | j 1
    ///
    /// The table holds the borrowed token first, then every other token that a command pays with, and the token that profit is taken in, which `profitIndex`
    /// points to. The number a command starts with, its form, shares its byte with bit 3, which is zeroForOne for V2 and V3 and says for Curve that the pool's
    /// indices are uint256 instead of int128, and with bits 4 to 7, the table index of the token paid. A forwarded V2 swap pays nothing: the output of the
    /// command before it goes to its pair instead of here (Curve pools pay nobody but their caller, so none can stand before it). Several cycles of the same
    /// token are simply more commands, and so is the sale of what a cycle leaves for the token that profit is taken in.
    ///
    /// The builder is paid before profit is measured, so `minProfit` is what remains.
    function execute(bytes calldata plan) external override {
        if (!isOperator[msg.sender]) revert NotOperator(msg.sender);
        if (paused) revert ExecutionPaused();
        if (progress != IDLE) revert ExecutionInProgress();
        if (plan.length < TOKENS_AT) revert MalformedPlan();

        uint256 start = _start(plan);
        uint256 validUntilBlock = _uint64(start + VALID_UNTIL_BLOCK_AT);
        if (block.number > validUntilBlock) revert PlanExpired(validUntilBlock, block.number);
        uint256 tokenCount = _uint8(start + TOKEN_COUNT_AT);
        uint256 loanAmount = _uint128(start + LOAN_AMOUNT_AT);
        uint256 profitIndex = _uint8(start + PROFIT_INDEX_AT);
        // An index below the count, so that there is at least one token.
        if (profitIndex >= tokenCount || loanAmount == 0 || plan.length < TOKENS_AT + tokenCount * TOKEN_BYTES) revert MalformedPlan();

        address profitToken = _address(start + TOKENS_AT + profitIndex * TOKEN_BYTES);
        uint256[] memory balancesBefore = new uint256[](tokenCount);
        for (uint256 i = 0; i < tokenCount; ++i) balancesBefore[i] = _balanceOf(_address(start + TOKENS_AT + i * TOKEN_BYTES));

        progress = keccak256(plan);
        _borrow(_address(start + TOKENS_AT), loanAmount, plan);
        // A lender that did not call back has run nothing: said here, where it happened, rather than by the checks below.
        if (progress != RUNNING) revert UnexpectedLoan(vault);

        uint256 builderPayment = _uint128(start + BUILDER_PAYMENT_AT);
        if (builderPayment != 0) _payBuilder(profitToken, builderPayment);

        // Last, so that nothing can follow which takes from what was counted.
        for (uint256 i = 0; i < tokenCount; ++i) {
            if (i == profitIndex) continue;
            address token = _address(start + TOKENS_AT + i * TOKEN_BYTES);
            uint256 balance = _balanceOf(token);
            if (balance < balancesBefore[i]) revert BalanceFell(token, balancesBefore[i], balance);
        }
        uint256 balanceBefore = balancesBefore[profitIndex];
        uint256 balanceAfter = _balanceOf(profitToken);
        uint256 minProfit = _uint128(start + MIN_PROFIT_AT);
        if (balanceAfter < balanceBefore + minProfit) revert ProfitBelowMinimum(balanceBefore, balanceAfter, minProfit);

        progress = IDLE;
        emit Executed(_bytes32(start), profitToken, balanceAfter - balanceBefore, builderPayment);
    }

    /// @notice The Balancer V2 vault's callback (IFlashLoanRecipient): the loan has arrived, `plan` is what we passed along.
    ///
    /// @dev Anyone can make the vault lend to this contract with bytes of their choosing, hence the hash: only the plan that `execute` is waiting for is run,
    /// and once. Token and amount are read from the plan, which the hash covers; only the fee is the vault's to say.
    function receiveFlashLoan(address[] calldata, uint256[] calldata, uint256[] calldata feeAmounts, bytes calldata plan) external {
        // While idle `progress` is zero, which no hash equals; while running it is one.
        if (msg.sender != vault || progress != keccak256(plan)) revert UnexpectedLoan(msg.sender);
        progress = RUNNING;

        _runCommands(plan);

        uint256 start = _start(plan);
        _transfer(_address(start + TOKENS_AT), msg.sender, _uint128(start + LOAN_AMOUNT_AT) + feeAmounts[0]);
    }

    /// @notice The callback of V3 pools, `uniswapV3SwapCallback(int256,int256,bytes)`, by whatever name.
    ///
    /// @dev Nearly every fork renames it (pancakeV3, algebra, solidlyV3, agni, fusionXV3, squadV3, zebraV3, ramsesV2, …) and keeps its arguments. The name
    /// proves nothing about the caller; that it is the pool we are swapping in, does.
    fallback() external {
        int256 amount0Delta;
        int256 amount1Delta;
        assembly ("memory-safe") {
            amount0Delta := calldataload(0x04)
            amount1Delta := calldataload(0x24)
        }
        _payPool(amount0Delta, amount1Delta);
    }

    /// @dev Runs the commands behind the header, in order, and ends exactly where the plan ends.
    function _runCommands(bytes calldata plan) private {
        uint256 start = _start(plan);
        uint256 end = start + plan.length;
        uint256 tokens = start + TOKENS_AT;
        uint256 tokenCount = _uint8(start + TOKEN_COUNT_AT);
        uint256 command = tokens + tokenCount * TOKEN_BYTES;

        while (command < end) {
            uint256 head = _uint8(command);
            uint256 form = head & FORM_MASK;
            uint256 length = (COMMAND_LENGTHS >> (form * 8)) & 0xff;
            uint256 next = command + length;
            if (length == 0 || next > end) revert MalformedPlan();

            address recipient = address(this);
            if (next < end && _uint8(next) & FORM_MASK == V2_FORWARDED) recipient = _address(next + POOL_AT);

            address pool = _address(command + POOL_AT);
            uint256 amountOut = _uint128(command + AMOUNT_OUT_AT);
            if (form == V2_FORWARDED) {
                _swapV2(pool, recipient, head & ZERO_FOR_ONE != 0, amountOut);
            } else {
                address tokenIn = _tableToken(tokens, tokenCount, head >> TOKEN_INDEX_SHIFT);
                uint256 amountIn = _uint128(command + AMOUNT_IN_AT);
                if (form == V2) {
                    _transfer(tokenIn, pool, amountIn);
                    _swapV2(pool, recipient, head & ZERO_FOR_ONE != 0, amountOut);
                } else if (form == V3) {
                    _swapV3(pool, recipient, head & ZERO_FOR_ONE != 0, tokenIn, amountIn, amountOut);
                } else {
                    if (!_callToken(0x095ea7b3, tokenIn, pool, amountIn)) revert ApprovalFailed(tokenIn, pool, amountIn); // approve(address,uint256)
                    if (form == BALANCER_V2) {
                        _swapBalancerV2(pool, recipient, _bytes32(command + POOL_ID_AT), tokenIn, _address(command + TOKEN_OUT_AT), amountIn, amountOut);
                    } else {
                        if (recipient != address(this)) revert MalformedPlan();
                        _exchangeCurve(pool, head & UINT256_INDICES != 0, _uint8(command + I_AT), _uint8(command + J_AT), amountIn, amountOut);
                    }
                    uint256 left = _allowance(tokenIn, pool);
                    if (left != 0) revert AllowanceLeft(tokenIn, pool, left);
                }
            }
            command = next;
        }
    }

    /// @dev The index check is what makes "balances never fall" hold: a token outside the table is not watched, so it must not be payable.
    function _tableToken(uint256 tokens, uint256 tokenCount, uint256 index) private pure returns (address) {
        if (index >= tokenCount) revert MalformedPlan();
        return _address(tokens + index * TOKEN_BYTES);
    }

    /// @dev Answers the pool that `_swapV3` is inside of, once, from the one payment it noted.
    function _payPool(int256 amount0Delta, int256 amount1Delta) private {
        uint256 due = paymentDue;
        if (due == 0 || address(uint160(due >> 96)) != msg.sender) revert UnexpectedCallback(msg.sender);
        paymentDue = 0;

        uint256 token = paymentToken;
        uint256 allowed = (due & type(uint96).max) | ((token & type(uint96).max) << 96);
        // The input side is the positive one; a pool that claims both sides gets the one it was promised, and fails on the other.
        int256 asked = amount0Delta > 0 ? amount0Delta : amount1Delta;
        if (asked <= 0 || uint256(asked) > allowed) revert PaymentNotAllowed(msg.sender, asked, allowed);
        _transfer(address(uint160(token >> 96)), msg.sender, uint256(asked));
    }

    /// @dev Pays the builder in native coin, out of the wrapped native coin that this plan earned (which the profit check, after this, makes certain).
    function _payBuilder(address profitToken, uint256 amount) private {
        if (profitToken != wrappedNative) revert BuilderPaymentNeedsWrappedNative(profitToken);
        bool ok;
        assembly ("memory-safe") {
            mstore(0x00, 0x2e1a7d4d) // withdraw(uint256)
            mstore(0x20, amount)
            ok := call(gas(), profitToken, 0, 0x1c, 0x24, 0, 0)
        }
        if (!ok) revert TransferFailed(profitToken, address(this), amount);
        _sendNative(block.coinbase, amount);
    }

    // -------------------------------------------------------------------------------------------------------------------------------- owner's part

    /// @inheritdoc IExecutor
    /// @dev Two steps, so that a mistyped address cannot become the owner. The zero address takes an offer back.
    function transferOwnership(address newOwner) external override onlyOwner {
        pendingOwner = newOwner;
        emit OwnershipTransferStarted(owner, newOwner);
    }

    /// @inheritdoc IExecutor
    function acceptOwnership() external override {
        if (msg.sender != pendingOwner) revert NotPendingOwner(msg.sender);
        emit OwnershipTransferred(owner, msg.sender);
        owner = msg.sender;
        delete pendingOwner;
    }

    /// @inheritdoc IExecutor
    function setOperator(address operator, bool allowed) external override onlyOwner {
        if (operator == address(0)) revert ZeroAddress();
        isOperator[operator] = allowed;
        emit OperatorSet(operator, allowed);
    }

    /// @inheritdoc IExecutor
    function setPaused(bool paused_) external override onlyOwner {
        paused = paused_;
        emit PausedSet(paused_);
    }

    /// @inheritdoc IExecutor
    /// @dev Not while a plan runs: an owner that is itself a contract must not be led to move what the plan's checks are counting.
    function sweep(address token, address to, uint256 amount) external override onlyOwner {
        if (progress != IDLE) revert ExecutionInProgress();
        if (to == address(0)) revert ZeroAddress();
        _balanceOf(token); // a token without code would accept the transfer silently
        _transfer(token, to, amount);
        emit Swept(token, to, amount);
    }

    /// @inheritdoc IExecutor
    function sweepNative(address payable to, uint256 amount) external override onlyOwner {
        if (progress != IDLE) revert ExecutionInProgress();
        if (to == address(0)) revert ZeroAddress();
        _sendNative(to, amount);
        emit Swept(address(0), to, amount);
    }

    // ------------------------------------------------------------------------------------------------------------------------------- outside calls

    /// @dev `IVault.flashLoan(this, [token], [amount], plan)`, laid out by hand: the compiler's encoder costs about a thousand gas more for two arrays of one.
    function _borrow(address token, uint256 amount, bytes calldata plan) private {
        address lender = vault;
        assembly ("memory-safe") {
            let call_ := mload(0x40)
            mstore(call_, shl(224, 0x5c38449e)) // flashLoan(address,address[],uint256[],bytes)
            mstore(add(call_, 0x04), address())
            mstore(add(call_, 0x24), 0x80) // tokens at
            mstore(add(call_, 0x44), 0xc0) // amounts at
            mstore(add(call_, 0x64), 0x100) // userData at
            mstore(add(call_, 0x84), 1)
            mstore(add(call_, 0xa4), token)
            mstore(add(call_, 0xc4), 1)
            mstore(add(call_, 0xe4), amount)
            mstore(add(call_, 0x104), plan.length)
            calldatacopy(add(call_, 0x124), plan.offset, plan.length)
            if iszero(call(gas(), lender, 0, call_, add(0x124, plan.length), 0, 0)) {
                returndatacopy(call_, 0, returndatasize())
                revert(call_, returndatasize())
            }
        }
    }

    /// @dev `IUniswapV2Pair.swap`: the input is already in the pair, whose own `k` check says whether it suffices.
    function _swapV2(address pair, address recipient, bool zeroForOne, uint256 amountOut) private {
        bool ok;
        assembly ("memory-safe") {
            let call_ := mload(0x40)
            mstore(call_, shl(224, 0x022c0d9f)) // swap(uint256,uint256,address,bytes)
            mstore(add(call_, 0x04), mul(iszero(zeroForOne), amountOut))
            mstore(add(call_, 0x24), mul(zeroForOne, amountOut))
            mstore(add(call_, 0x44), recipient)
            mstore(add(call_, 0x64), 0x80)
            mstore(add(call_, 0x84), 0) // no data: a plain swap, no flash swap
            ok := call(gas(), pair, 0, call_, 0xa4, 0, 0)
        }
        if (!ok) _bubble(pair);
    }

    /// @dev `IUniswapV3Pool.swap`, exact input without a price limit. Notes the payment that the pool will claim in its callback, and requires that it did:
    /// a note left over could be claimed in another command's time.
    function _swapV3(address pool, address recipient, bool zeroForOne, address tokenIn, uint256 amountIn, uint256 amountOutMin) private {
        paymentDue = (uint256(uint160(pool)) << 96) | (amountIn & type(uint96).max);
        paymentToken = (uint256(uint160(tokenIn)) << 96) | (amountIn >> 96);

        bool ok;
        int256 received;
        assembly ("memory-safe") {
            let call_ := mload(0x40)
            mstore(call_, shl(224, 0x128acb08)) // swap(address,bool,int256,uint160,bytes)
            mstore(add(call_, 0x04), recipient)
            mstore(add(call_, 0x24), zeroForOne)
            mstore(add(call_, 0x44), amountIn)
            mstore(add(call_, 0x64), MAX_SQRT_PRICE_LIMIT)
            if zeroForOne { mstore(add(call_, 0x64), MIN_SQRT_PRICE_LIMIT) }
            mstore(add(call_, 0x84), 0xa0)
            mstore(add(call_, 0xa4), 0) // no data: what the callback needs is in transient storage, where no pool can alter it
            ok := call(gas(), pool, 0, call_, 0xc4, 0x00, 0x40)
            // (amount0, amount1): what the pool received, so its output is negative.
            if ok { received := mul(gt(returndatasize(), 0x3f), mload(mul(zeroForOne, 0x20))) }
        }
        if (!ok) _bubble(pool);
        if (paymentDue != 0) revert SwapFailed(pool);
        uint256 amountOut = received < 0 ? uint256(-received) : 0;
        if (amountOut < amountOutMin) revert OutputBelowMinimum(pool, amountOut, amountOutMin);
    }

    /// @dev `IVault.swap(SingleSwap, FundManagement, limit, deadline)`, given in, from and to plain balances. The vault itself enforces the minimum. A Balancer
    /// vault lends and swaps behind one re-entrancy lock: the one that lends to this contract cannot be swapped in meanwhile.
    function _swapBalancerV2(address target, address recipient, bytes32 poolId, address tokenIn, address tokenOut, uint256 amountIn, uint256 amountOutMin)
        private
    {
        bool ok;
        assembly ("memory-safe") {
            let call_ := mload(0x40)
            mstore(call_, shl(224, 0x52bbbe29)) // swap((bytes32,uint8,address,address,uint256,bytes),(address,bool,address,bool),uint256,uint256)
            mstore(add(call_, 0x04), 0xe0) // singleSwap at
            mstore(add(call_, 0x24), address()) // sender
            mstore(add(call_, 0x44), 0) // fromInternalBalance
            mstore(add(call_, 0x64), recipient)
            mstore(add(call_, 0x84), 0) // toInternalBalance
            mstore(add(call_, 0xa4), amountOutMin)
            mstore(add(call_, 0xc4), timestamp()) // deadline: the plan has its own, in blocks
            mstore(add(call_, 0xe4), poolId)
            mstore(add(call_, 0x104), 0) // GIVEN_IN
            mstore(add(call_, 0x124), tokenIn)
            mstore(add(call_, 0x144), tokenOut)
            mstore(add(call_, 0x164), amountIn)
            mstore(add(call_, 0x184), 0xc0) // userData at
            mstore(add(call_, 0x1a4), 0) // userData: none
            ok := call(gas(), target, 0, call_, 0x1c4, 0, 0)
        }
        if (!ok) _bubble(target);
    }

    /// @dev `exchange(i, j, dx, min_dy)`: int128 indices in StableSwap pools, uint256 in CryptoSwap pools, the same bytes behind another selector. The pool
    /// pays its caller and itself enforces the minimum; old ones return nothing, so no answer is looked at.
    function _exchangeCurve(address pool, bool uint256Indices, uint256 i, uint256 j, uint256 amountIn, uint256 amountOutMin) private {
        bool ok;
        assembly ("memory-safe") {
            let call_ := mload(0x40)
            mstore(call_, shl(224, 0x3df02124)) // exchange(int128,int128,uint256,uint256)
            if uint256Indices { mstore(call_, shl(224, 0x5b41b908)) } // exchange(uint256,uint256,uint256,uint256)
            mstore(add(call_, 0x04), i)
            mstore(add(call_, 0x24), j)
            mstore(add(call_, 0x44), amountIn)
            mstore(add(call_, 0x64), amountOutMin)
            ok := call(gas(), pool, 0, call_, 0x84, 0, 0)
        }
        if (!ok) _bubble(pool);
    }

    function _transfer(address token, address to, uint256 amount) private {
        if (!_callToken(0xa9059cbb, token, to, amount)) revert TransferFailed(token, to, amount); // transfer(address,uint256)
    }

    /// @dev ERC-20 `transfer` or `approve`, also of tokens which return nothing (USDT). That `token` has code was proved by `_balanceOf` before anything is
    /// paid.
    function _callToken(uint256 selector, address token, address account, uint256 amount) private returns (bool ok) {
        assembly ("memory-safe") {
            // Right-aligned in scratch space: selector at 0x10, arguments at 0x14 and 0x34. The amount reaches into the free memory pointer's leading zeros.
            mstore(0x14, account)
            mstore(0x34, amount)
            mstore(0x00, shl(96, selector))
            ok := call(gas(), token, 0, 0x10, 0x44, 0x00, 0x20)
            ok := and(ok, or(iszero(returndatasize()), and(gt(returndatasize(), 0x1f), eq(mload(0x00), 1))))
            mstore(0x34, 0)
        }
    }

    /// @dev What `spender` may take of our `token`; as much as can be when the token does not say.
    function _allowance(address token, address spender) private view returns (uint256 amount) {
        assembly ("memory-safe") {
            // Laid out as in `_callToken`.
            mstore(0x14, address())
            mstore(0x34, spender)
            mstore(0x00, shl(96, 0xdd62ed3e)) // allowance(address,address)
            let ok := staticcall(gas(), token, 0x10, 0x44, 0x00, 0x20)
            ok := and(ok, gt(returndatasize(), 0x1f))
            amount := or(mload(0x00), sub(ok, 1))
            mstore(0x34, 0)
        }
    }

    function _balanceOf(address token) private view returns (uint256 amount) {
        bool ok;
        assembly ("memory-safe") {
            mstore(0x00, 0x70a08231) // balanceOf(address)
            mstore(0x20, address())
            ok := staticcall(gas(), token, 0x1c, 0x24, 0x00, 0x20)
            ok := and(ok, gt(returndatasize(), 0x1f))
            amount := mload(0x00)
        }
        if (!ok) revert BalanceUnreadable(token);
    }

    function _sendNative(address to, uint256 amount) private {
        bool ok;
        assembly ("memory-safe") {
            ok := call(gas(), to, amount, 0, 0, 0, 0)
        }
        if (!ok) revert NativeTransferFailed(to, amount);
    }

    /// @dev Passes on a pool's own reason, so that a simulation shows it; names the pool when it gave none.
    function _bubble(address pool) private pure {
        assembly ("memory-safe") {
            if returndatasize() {
                let reason := mload(0x40)
                returndatacopy(reason, 0, returndatasize())
                revert(reason, returndatasize())
            }
        }
        revert SwapFailed(pool);
    }

    // ------------------------------------------------------------------------------------------------------------------------------------- reading

    function _start(bytes calldata plan) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := plan.offset
        }
    }

    function _bytes32(uint256 position) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := calldataload(position)
        }
    }

    function _address(uint256 position) private pure returns (address value) {
        assembly ("memory-safe") {
            value := shr(96, calldataload(position))
        }
    }

    function _uint128(uint256 position) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(128, calldataload(position))
        }
    }

    function _uint64(uint256 position) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(192, calldataload(position))
        }
    }

    function _uint8(uint256 position) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(248, calldataload(position))
        }
    }
}
