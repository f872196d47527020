import type { MarketPool } from "#libs/graph/market.ts";
import type { SearchOptions } from "#libs/graph/search.ts";
import { Rivals as Choosing, type RivalChoice } from "#libs/rivals/rivals.ts";
import type { RivalRule } from "#libs/rivals/rules.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { Bundle, Chain, Step } from "./chain.ts";

export const rivalContract = (index: number): Address => asAddress(`0x${"51".repeat(19)}${(index + 16).toString(16)}`);
const rivalSender = (index: number): Address => asAddress(`0x${"52".repeat(19)}${(index + 16).toString(16)}`);

export interface Sent {
  /** Wei, all of it. */
  readonly tip: number;
  /** Blocks from the one that opened the gap to this one. */
  readonly stood: number;
  readonly bundle: Bundle;
}

/** All rivals of the made chain: what they choose is in libs/rivals, what they send is a bundle of this chain. */
export class Rivals {
  readonly #choosing: Choosing;
  readonly #startToken: string;

  constructor(
    seed: number,
    rules: readonly RivalRule[],
    at: { readonly hubs: readonly string[]; readonly others: readonly string[]; readonly search: SearchOptions },
  ) {
    this.#choosing = new Choosing(seed, rules, at);
    this.#startToken = at.search.startToken;
  }

  /** Looks at the head: what stands there, and since when. */
  look(chain: Chain): void {
    const { number, changed } = chain.head;
    const pools = [...changed.values()].flatMap((rows) => rows.map(([pool]) => pool));
    this.#choosing.look(chain.market, { number, changed: pools });
  }

  /** Bundles for the next block. `isShunned`: pools that do not pay what they show, which whoever trades there often knows. */
  bundles({ head, baseFeePerGas }: Chain, isShunned: (pool: MarketPool) => boolean): readonly Sent[] {
    const block = head.number + 1;
    return this.#choosing.choices({ block, baseFeePerGas, isShunned }).map((choice) => this.#sent(choice, block));
  }

  /** Bundles behind the trades of the block that is being built. */
  backruns({ head, baseFeePerGas, market, touched }: Chain, isShunned: (pool: MarketPool) => boolean): readonly Sent[] {
    const block = head.number + 1;
    return this.#choosing.backruns(market, touched, { block, baseFeePerGas, isShunned }).map((choice) => this.#sent(choice, block));
  }

  #sent(choice: RivalChoice, block: number): Sent {
    return { tip: choice.tip, stood: choice.stood, bundle: this.#bundleOf(choice, block) };
  }

  #bundleOf({ rival, place, cycle, amounts, gas, priorityFeePerGas, minProfit }: RivalChoice, block: number): Bundle {
    const steps = cycle.edges.map(
      ({ pool, indexIn }, hop): Step => ({
        pool: pool.info.pool,
        zeroForOne: indexIn === 0,
        amountIn: amounts[hop] as bigint,
        amountOut: amounts[hop + 1] as bigint,
        forwards: false,
      }),
    );
    const transactionHash = `0x${block.toString(16).padStart(56, "0")}${(0x51_0000 + rival * 256 + place).toString(16).padStart(8, "0")}`;
    const [contract, sender] = [rivalContract(rival), rivalSender(rival)];
    return { contract, sender, profitToken: this.#startToken, minProfit, steps, gas, priorityFeePerGas, transactionHash };
  }
}
