import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatTraceparent, parseTraceparent, startSpan, startTracing } from "#libs/telemetry/trace.ts";

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
}
const received: Span[] = [];
const collector = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
    received.push(...body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)));
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
});

beforeAll(() => new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve)));
afterAll(() => new Promise((resolve) => collector.close(resolve)));

test("without a collector a span still carries its trace on, in the W3C form", () => {
  const first = startSpan("process block-observed", null, "consumer", {});
  const second = startSpan("process pool-changed", first.context, "consumer", {});
  expect(second.context.traceId).toBe(first.context.traceId);
  expect(second.context.spanId).not.toBe(first.context.spanId);
  expect(parseTraceparent(formatTraceparent(second.context))).toEqual(second.context);
  expect(parseTraceparent("00-zz-zz-01")).toBeNull();
});

test("with a collector the spans of two hops arrive as parent and child of one trace", async () => {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const flush = await startTracing("test");
  const first = startSpan("first hop", null, "consumer", { "hs.actor": "watcher" });
  const second = startSpan("second hop", parseTraceparent(formatTraceparent(first.context)), "consumer", {});
  second.end(new Error("as seen"));
  first.end();
  await flush();
  delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const [parent, child] = ["first hop", "second hop"].map((name) => received.find((span) => span.name === name));
  expect(child?.traceId).toBe(first.context.traceId);
  expect(child?.parentSpanId).toBe(parent?.spanId);
  expect(parent?.spanId).toBe(first.context.spanId);
});
