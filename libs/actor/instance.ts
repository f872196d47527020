import { hostname } from "node:os";

/** Tells replicas apart: containers share process ids, hosts share names. A lower-case subject token. */
export const REPLICA: string = `${hostname()}-${process.pid}`.toLowerCase().replaceAll(/[^a-z0-9_-]/g, "-");
