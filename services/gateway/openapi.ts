import type Type from "typebox";
import type { Endpoint } from "#services/gateway/api.ts";

const errorResponse = (description: string, properties: Record<string, unknown>) => ({
  description,
  content: { "application/json": { schema: { type: "object", required: Object.keys(properties).slice(0, 1), properties } } },
});

/** OpenAPI 3.1 takes JSON Schema as it is, so the schemas that check queries and shape answers are the document. */
export function openApiOf(endpoints: Readonly<Record<string, Endpoint>>, version: string): Record<string, unknown> {
  const paths = Object.entries(endpoints).map(([operationId, { path, summary, query, response, refusals }]) => [
    path,
    {
      get: {
        operationId,
        summary,
        parameters: Object.entries(query.properties as Record<string, Type.TSchema & { description?: string }>).map(([name, schema]) => ({
          name,
          in: "query",
          required: (query.required as readonly string[] | undefined)?.includes(name) ?? false,
          ...(schema.description === undefined ? {} : { description: schema.description }),
          schema,
        })),
        responses: {
          200: { description: "OK", content: { "application/json": { schema: response } } },
          400: errorResponse("A query parameter is wrong", { error: { type: "string" }, allowed: { type: "object" } }),
          ...(refusals
            ? {
                404: errorResponse("There is no such answer", { error: { type: "string" } }),
                503: errorResponse("Nobody answers now", { error: { type: "string" } }),
              }
            : {}),
          429: errorResponse("Too many requests from this address", { error: { type: "string" } }),
          500: errorResponse("A defect of the gateway", { success: { const: false }, error: { type: "string" } }),
        },
      },
    },
  ]);
  return {
    openapi: "3.1.0",
    info: {
      title: "Hyperspeed gateway",
      version,
      description:
        "Read-only. Amounts are decimal strings in smallest units, times Unix milliseconds. WebSocket at /ws on the same port: messages " +
        "{type, data}, first `initial`, then `block`, `opportunity`, `trade`, `profit`, `model`, and at most once a second `stats` and `health`.",
    },
    paths: Object.fromEntries(paths),
  };
}
