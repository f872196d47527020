import type { ActorSpec } from "#libs/actor/run.ts";
import { type Config, scorer } from "#services/scorer/actor.ts";
import { type ScorerSettings, scorerConfig } from "#services/scorer/config.ts";

export function scorerSpec(settings: ScorerSettings & { readonly instance: string }): ActorSpec<null, Config, "cycleFound", never, never> {
  const { chain } = settings;
  return {
    actor: scorer,
    config: scorerConfig(settings),
    chain: chain.key,
    instance: `scorer-${chain.key}-${settings.instance}`,
    boot: async () => ({
      state: null,
      inputs: [
        { mode: "work", stream: "DECISIONS", chain: chain.key, keys: ["cycleFound"], tokens: { chain: chain.key }, durable: "scorer" },
      ],
    }),
  };
}
