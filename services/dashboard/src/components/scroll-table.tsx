import type { ReactNode } from "react";
import { count } from "../format.ts";
import { CoinAmount } from "./amount.tsx";

export interface Column {
  readonly name: string;
  readonly isRight?: boolean;
  readonly title?: string;
}

/** A table that scrolls inside its panel. Children are its rows. */
export function ScrollTable(props: { name: string; columns: readonly Column[]; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section className="scroll" tabIndex={0} aria-label={`${props.name}, scrollable`}>
      <table>
        <thead>
          <tr>
            {props.columns.map(({ name, isRight = false, title }) => (
              <th key={name} scope="col" className={isRight ? "right" : undefined} title={title}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </section>
  );
}

/** The block that a row belongs to; its chain where rows of several stand side by side. */
export function BlockCell(props: { of: { readonly blockNumber: number; readonly chain: string }; title: string; namesChain: boolean }) {
  return (
    <td className="number right" title={props.title}>
      {count(props.of.blockNumber)}
      {props.namesChain ? <span className="row-chain">{props.of.chain}</span> : null}
    </td>
  );
}

export function GasCell(props: { gas: number; cost: string }) {
  return (
    <td className="number right muted amount" title={`${count(props.gas)} gas`}>
      <CoinAmount wei={props.cost} symbol="" />
    </td>
  );
}
