import type { ReactNode } from "react";

/** A titled region of the page. `area` places it on the grid. */
export function Panel(props: { title: string; area: string; note?: ReactNode; children: ReactNode }) {
  const id = `panel-${props.area}`;
  return (
    <section className={`panel area-${props.area}`} aria-labelledby={id} data-testid={props.area}>
      <header className="panel-head">
        <h2 id={id}>{props.title}</h2>
        {props.note === undefined ? null : <div className="panel-note">{props.note}</div>}
      </header>
      {props.children}
    </section>
  );
}
