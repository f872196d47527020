import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createDashboardServer, type DashboardServer } from "./server.ts";

const opened: DashboardServer[] = [];
const directories: string[] = [];

afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function dist(): string {
  const directory = mkdtempSync(join(tmpdir(), "dashboard-"));
  directories.push(directory);
  mkdirSync(join(directory, "assets"));
  writeFileSync(join(directory, "index.html"), "<!doctype html><title>Hyperspeed</title>");
  writeFileSync(join(directory, "assets", "index-1a2b.js"), "0");
  return directory;
}

async function start(apiUrl = "http://127.0.0.1:8080/base"): Promise<string> {
  const server = createDashboardServer({ host: "127.0.0.1", port: 0, apiUrl, distDirectory: dist() });
  opened.push(server);
  return (await server.listen()).url;
}

test("the page learns from its own server where the gateway is", async () => {
  expect(await (await fetch(`${await start()}/config.json`)).json()).toEqual({ apiUrl: "http://127.0.0.1:8080/base" });
});

test("the page may connect to the gateway over HTTP and WebSocket, and to nothing else", async () => {
  const response = await fetch(await start());
  expect(await response.text()).toContain("Hyperspeed");
  const policy = response.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("connect-src 'self' http://127.0.0.1:8080 ws://127.0.0.1:8080;");
  expect(policy).not.toContain("unsafe");
});

test("behind one proxy the gateway is the page's own origin", async () => {
  const response = await fetch(await start("/"));
  expect(response.headers.get("content-security-policy")).toContain("connect-src 'self';");
});

test("hashed assets are kept by browsers, the page is asked for again", async () => {
  const url = await start();
  expect((await fetch(`${url}/assets/index-1a2b.js`)).headers.get("cache-control")).toContain("immutable");
  expect((await fetch(url)).headers.get("cache-control")).toBe("no-cache");
});

test("what is not there is 404, outside of the directory too", async () => {
  const url = await start();
  expect((await fetch(`${url}/absent.js`)).status).toBe(404);
  expect((await fetch(`${url}/..%2f..%2fetc%2fpasswd`)).status).toBeGreaterThanOrEqual(400);
});

test("an unbuilt page, a taken port and a wrong address are the user's to mend", async () => {
  const empty = mkdtempSync(join(tmpdir(), "dashboard-"));
  directories.push(empty);
  const unbuilt = createDashboardServer({ host: "127.0.0.1", port: 0, apiUrl: "/", distDirectory: empty });
  await expect(unbuilt.listen()).rejects.toMatchObject({ name: "UserError", remedy: expect.stringContaining("vite build") });
  const port = Number(new URL(await start()).port);
  const second = createDashboardServer({ host: "127.0.0.1", port, apiUrl: "/", distDirectory: dist() });
  await expect(second.listen()).rejects.toMatchObject({ name: "UserError", remedy: expect.stringContaining("dashboard.port") });
  expect(() => createDashboardServer({ host: "127.0.0.1", port: 0, apiUrl: "javascript:0" })).toThrow("dashboard.apiUrl");
});
