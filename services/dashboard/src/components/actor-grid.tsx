import type { ActorView } from "#services/gateway/api.ts";
import { age, count } from "../format.ts";
import { Panel } from "./panel.tsx";

export function ActorGrid({ actors, nowMs }: { actors: readonly ActorView[]; nowMs: number }) {
  const tally = (health: ActorView["health"]) => actors.filter((each) => each.health === health).length;
  return (
    <Panel
      title="Actors"
      area="actors"
      note={
        <span className="muted">
          {tally("alive")} alive · {tally("late")} late · {tally("gone")} gone
        </span>
      }
    >
      {actors.length === 0 ? (
        <p className="empty">No heartbeat yet.</p>
      ) : (
        <ul className="actors">
          {actors.map((each) => (
            <li key={each.instance} className={`actor ${each.health}`} title={`${each.instance}, version ${each.version}`}>
              <div className="actor-name">
                <i className="dot" aria-hidden="true" />
                <b>{each.actor}</b>
                <span className="muted">{each.post}</span>
                <span className="actor-health">{each.health === "alive" ? each.state : each.health}</span>
              </div>
              <dl>
                <div>
                  <dt>head</dt>
                  <dd className="number">{each.headBlock === null ? "–" : count(each.headBlock)}</dd>
                </div>
                <div>
                  <dt>in / out</dt>
                  <dd className="number">
                    {count(each.messagesConsumed)} / {count(each.messagesPublished)}
                  </dd>
                </div>
                <div>
                  <dt>heard</dt>
                  <dd className="number">{age(nowMs - each.lastSeenMs)}</dd>
                </div>
              </dl>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
