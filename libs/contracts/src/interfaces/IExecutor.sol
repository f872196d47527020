// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What the outside may ask of, hear from and be refused by the executor.
interface IExecutor {
    /// @notice A plan ran to its end and every balance check held.
    /// @param executionId Chosen off chain, so that a receipt leads back to the decision that caused it.
    /// @param token The token that the plan takes its profit in: the borrowed one, or another of its table.
    /// @param profit By how much the contract's balance of `token` rose, after loan, loan fee and builder payment.
    /// @param builderPayment Wei sent to the block's coinbase.
    event Executed(bytes32 indexed executionId, address indexed token, uint256 profit, uint256 builderPayment);
    event OperatorSet(address indexed operator, bool allowed);
    event PausedSet(bool paused);
    event OwnershipTransferStarted(address indexed owner, address indexed pendingOwner);
    event OwnershipTransferred(address indexed previousOwner, address indexed owner);
    event Swept(address indexed token, address indexed to, uint256 amount);

    error NotOwner(address caller);
    error NotPendingOwner(address caller);
    error NotOperator(address caller);
    error ExecutionPaused();
    error ExecutionInProgress();
    error ZeroAddress();
    /// @notice Mined later than the plan allowed: its amounts belong to an older state.
    error PlanExpired(uint256 validUntilBlock, uint256 blockNumber);
    /// @notice The bytes are not a plan: truncated, without a loan, with a command of no known form, paying with or earning a token outside the plan's table, or
    /// forwarding what cannot be forwarded.
    error MalformedPlan();
    /// @notice A loan that this contract did not ask for, now, with these bytes.
    error UnexpectedLoan(address caller);
    /// @notice A swap callback, or any call of a function that is not here, from anything but the V3 pool being swapped in at this moment.
    error UnexpectedCallback(address caller);
    /// @notice A pool asked for more than its command allows (or for nothing).
    error PaymentNotAllowed(address pool, int256 asked, uint256 allowed);
    /// @notice A pool paid less than its command requires: the market moved.
    error OutputBelowMinimum(address pool, uint256 amountOut, uint256 amountOutMin);
    error SwapFailed(address pool);
    error TransferFailed(address token, address to, uint256 amount);
    error ApprovalFailed(address token, address spender, uint256 amount);
    /// @notice A pool collected less than it was allowed to (or the token does not count allowances down): nothing of an allowance may remain.
    error AllowanceLeft(address token, address spender, uint256 allowance);
    error BalanceUnreadable(address token);
    /// @notice After everything was paid, less was left than the plan demands.
    error ProfitBelowMinimum(uint256 balanceBefore, uint256 balanceAfter, uint256 minProfit);
    /// @notice The plan would have spent what the contract already held of a token that it borrows or passes through.
    error BalanceFell(address token, uint256 balanceBefore, uint256 balanceAfter);
    /// @notice Builder payments come out of profit in the wrapped native coin; other profit tokens cannot pay one.
    error BuilderPaymentNeedsWrappedNative(address profitToken);
    error NativeTransferFailed(address to, uint256 amount);
    error NativeNotAccepted(address sender);

    function execute(bytes calldata plan) external;

    function transferOwnership(address newOwner) external;
    function acceptOwnership() external;
    function setOperator(address operator, bool allowed) external;
    function setPaused(bool paused_) external;
    function sweep(address token, address to, uint256 amount) external;
    function sweepNative(address payable to, uint256 amount) external;

    function owner() external view returns (address);
    function pendingOwner() external view returns (address);
    function isOperator(address account) external view returns (bool);
    function paused() external view returns (bool);
    function vault() external view returns (address);
    function wrappedNative() external view returns (address);
}
