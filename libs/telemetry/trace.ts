import { randomBytes } from "node:crypto";
import { context, type Span, SpanKind, TraceFlags, trace } from "@opentelemetry/api";

/** W3C trace context of one message. With no OpenTelemetry SDK running, ids are still made and passed on, so that any later hop can be joined. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

export function parseTraceparent(header: string | undefined): TraceContext | null {
  const match = header === undefined ? null : TRACEPARENT.exec(header);
  return match === null ? null : { traceId: match[1] as string, spanId: match[2] as string };
}

export const formatTraceparent = ({ traceId, spanId }: TraceContext): string => `00-${traceId}-${spanId}-01`;

export interface ActiveSpan {
  readonly context: TraceContext;
  end(failure?: Error): void;
}

const isReal = (span: Span) => !/^0+$/.test(span.spanContext().traceId);

/** Starts a span under `parent`, or a new trace. Its context goes into the messages that this work publishes. */
export function startSpan(
  name: string,
  parent: TraceContext | null,
  kind: "consumer" | "producer" | "client",
  attributes: Record<string, string | number>,
): ActiveSpan {
  const above =
    parent === null
      ? context.active()
      : trace.setSpanContext(context.active(), { ...parent, traceFlags: TraceFlags.SAMPLED, isRemote: true });
  const span = trace
    .getTracer("hyperspeed")
    .startSpan(
      name,
      { kind: { consumer: SpanKind.CONSUMER, producer: SpanKind.PRODUCER, client: SpanKind.CLIENT }[kind], attributes },
      above,
    );
  const real = isReal(span) && span.isRecording();
  const own = real
    ? span.spanContext()
    : { traceId: parent?.traceId ?? randomBytes(16).toString("hex"), spanId: randomBytes(8).toString("hex") };
  return {
    context: { traceId: own.traceId, spanId: own.spanId },
    end(failure) {
      if (failure !== undefined) span.recordException(failure);
      span.end();
    },
  };
}

/** Starts the SDK when OTEL_EXPORTER_OTLP_ENDPOINT is set; returns what flushes it at the end. Loaded lazily: the SDK costs 300 ms to load. */
export async function startTracing(serviceVersion: string): Promise<() => Promise<void>> {
  if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return async () => {};
  const [{ NodeSDK }, { OTLPTraceExporter }] = await Promise.all([
    import("@opentelemetry/sdk-node"),
    import("@opentelemetry/exporter-trace-otlp-http"),
  ]);
  process.env.OTEL_SERVICE_NAME ??= "hyperspeed";
  process.env.OTEL_RESOURCE_ATTRIBUTES ??= `service.version=${serviceVersion}`;
  const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter() });
  sdk.start();
  return () => sdk.shutdown();
}
