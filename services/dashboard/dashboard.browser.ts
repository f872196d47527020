/**
 * The page in a real browser: a gateway fed with a seeded market through the real codec, this dashboard's server, and Debian's chromium.
 *
 *   node services/dashboard/dashboard.browser.ts [--screenshot FILE] [--screenshot-narrow FILE]
 */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { chromium, type Page } from "playwright-core";
import { UserError } from "#libs/units/invariant.ts";
import type { Mode } from "#proto/execution/v1/events.ts";
import { gatewayConfig } from "#services/gateway/config.ts";
import { createGatewayServer } from "#services/gateway/http.ts";
import { applyMessage, initialReadModel } from "#services/gateway/read-model.ts";
import { createScenario } from "#services/gateway/testing.ts";
import { statsView, tradesView } from "#services/gateway/views.ts";
import { ensureDashboardBuilt } from "./build.ts";
import { createDashboardServer } from "./server.ts";
import { count, shortUnits, WEI_DECIMALS } from "./src/format.ts";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const CHROMIUM_FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const BLOCKS_BEFORE = 420;
const BLOCKS_AFTER = 12;

async function until(claim: string, holds: () => Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(`ok  ${claim}`);
}

function check(claim: string, holds: boolean): void {
  if (!holds) throw new Error(`does not hold: ${claim}`);
  console.log(`ok  ${claim}`);
}

/** A market whose last block is now. */
function market(options: { blocks: number; mode: Mode }) {
  const startMs = Date.now() - options.blocks * 2_010;
  const scenario = createScenario({ seed: 20_261, startMs, mode: options.mode });
  const config = gatewayConfig({ port: 0, statsIntervalMs: 200 });
  const model = initialReadModel({ chains: [{ config: scenario.chain, mode: options.mode }], bounds: config });
  const apply = (blocks: number) => {
    const messages = Array.from({ length: blocks }, () => scenario.nextBlock()).flat();
    return [...messages, ...scenario.heartbeats(Date.now())].flatMap((message) => applyMessage(model, message));
  };
  apply(options.blocks);
  return { model, config, apply };
}

const text = async (page: Page, testId: string): Promise<string> => (await page.getByTestId(testId).textContent()) ?? "";
const rows = (page: Page, testId: string): Promise<number> => page.locator(`[data-testid=${testId}] tbody tr`).count();

async function run(page: Page, problems: string[]): Promise<void> {
  const { model, config, apply } = market({ blocks: BLOCKS_BEFORE, mode: "live" });
  let gateway = createGatewayServer({ model, config, version: "0.1.0" });
  const { url: apiUrl, port } = await gateway.listen();
  const dashboard = createDashboardServer({ host: "127.0.0.1", port: 0, apiUrl });
  const { url } = await dashboard.listen();
  gateway.allowOrigin(url);
  const profit = () => shortUnits(statsView(model, Date.now()).totalProfit ?? "0", WEI_DECIMALS, 5);
  const showsTotals = async () => {
    const { totalTrades, funnel } = statsView(model, Date.now());
    return (
      (await text(page, "kpi-profit")).includes(profit()) &&
      (await text(page, "kpi-trades")).includes(count(totalTrades)) &&
      (await text(page, "kpi-opportunities")).includes(count(funnel.opportunities)) &&
      (await text(page, "kpi-cycles")).includes(count(funnel.cycles))
    );
  };
  try {
    await page.goto(url);
    await until("the page is live", async () => (await text(page, "connection")) === "Live");
    await until("key figures equal the model's totals, to the last digit shown", showsTotals);
    check("the mode is shown", (await text(page, "mode")) === "live");
    check("the tables have rows", (await rows(page, "opportunities")) > 20 && (await rows(page, "trades")) > 20);
    check(
      "a voided or settled status is shown with each trade",
      (await page.locator("[data-testid=trades] .chip").count()) === (await rows(page, "trades")),
    );
    const voided = tradesView(model, { limit: config.initialListSize }).filter((trade) => trade.voided).length;
    check(
      `${voided} voided trades are shown as such`,
      voided > 0 && (await page.locator("[data-testid=trades] tr.struck .chip", { hasText: "voided" }).count()) === voided,
    );
    check("every actor is alive", (await page.locator(".actor.alive").count()) === 9);
    check("pools of four DEXes are shown", (await page.locator("[data-testid=pools] li").count()) === 4);
    const pointsBefore = Number(await page.getByTestId("profit-plot").getAttribute("data-points"));
    check("the curve is drawn", pointsBefore > 20 && (await page.locator(".plot canvas").count()) === 1);

    const before = {
      profit: await text(page, "kpi-profit"),
      head: await text(page, "head"),
      trade: await page.locator("[data-testid=trades] tbody tr").first().textContent(),
    };
    for (const event of apply(BLOCKS_AFTER)) gateway.broadcast(event);
    await until("new blocks move the head", async () => (await text(page, "head")) !== before.head);
    await until("new trades change the net profit", async () => (await text(page, "kpi-profit")) !== before.profit);
    await until("key figures follow the model", showsTotals);
    check("the newest trade is on top", (await page.locator("[data-testid=trades] tbody tr").first().textContent()) !== before.trade);
    const pointsAfter = Number(await page.getByTestId("profit-plot").getAttribute("data-points"));
    check("the curve grew", pointsAfter > pointsBefore);
    check("the curve ends at the net profit", (await text(page, "profit-readout")).includes(profit()));

    await page.getByRole("button", { name: "by block" }).click();
    await until("the curve can be drawn by block", async () => (await page.locator(".plot canvas").count()) === 1);
    await page.getByRole("button", { name: "by time" }).click();

    const { values } = parseArgs({ options: { screenshot: { type: "string" }, "screenshot-narrow": { type: "string" } } });
    await page.waitForTimeout(1_400);
    if (values.screenshot !== undefined) await page.screenshot({ path: values.screenshot, fullPage: true });
    await page.setViewportSize({ width: 390, height: 844 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check("a phone's width needs no sideways scrolling", overflow <= 0);
    if (values["screenshot-narrow"] !== undefined) {
      await page.waitForTimeout(300);
      await page.screenshot({ path: values["screenshot-narrow"], fullPage: true });
    }
    await page.setViewportSize({ width: 1600, height: 1000 });
    check("no console error while live", problems.length === 0);

    await gateway.close();
    await until("a lost gateway is shown", async () => (await page.getByTestId("disconnected").count()) === 1);
    check("and so in the header", (await text(page, "connection")) === "Disconnected");
    gateway = createGatewayServer({ model, config: { ...config, port }, version: "0.1.0" });
    gateway.allowOrigin(url);
    await gateway.listen();
    await until("the page finds the gateway again", async () => (await text(page, "connection")) === "Live", 15_000);
    check("and the banner is gone", (await page.getByTestId("disconnected").count()) === 0);
    // A browser reports each refused connection on the console by itself; nothing else may be there.
    check(
      "no other console error",
      problems.every((problem) => problem.includes("ERR_CONNECTION_REFUSED")),
    );
  } finally {
    await dashboard.close();
    await gateway.close();
  }
}

async function runEmpty(page: Page): Promise<void> {
  const { model, config } = market({ blocks: 0, mode: "paper" });
  const gateway = createGatewayServer({ model, config });
  const { url: apiUrl } = await gateway.listen();
  const dashboard = createDashboardServer({ host: "127.0.0.1", port: 0, apiUrl });
  const { url } = await dashboard.listen();
  gateway.allowOrigin(url);
  try {
    await page.goto(url);
    await until("an empty system is live", async () => (await text(page, "connection")) === "Live");
    check(
      "and says that it starts, in paper mode",
      (await text(page, "health")).startsWith("starting") && (await text(page, "mode")) === "paper",
    );
    check("every empty panel says so", (await page.locator(".empty").count()) === 4);
  } finally {
    await dashboard.close();
    await gateway.close();
  }
}

async function main(): Promise<void> {
  if (!existsSync(CHROMIUM)) {
    throw new UserError(
      `no browser at ${CHROMIUM}`,
      "apt-get update && apt-get install -y --no-install-recommends chromium (or set CHROMIUM_PATH)",
    );
  }
  await ensureDashboardBuilt({ log: console.log });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
    const problems: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    await run(page, problems).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error}${problems.map((problem) => `\n  console: ${problem}`).join("")}`);
    });
    await runEmpty(page);
    console.log("the dashboard works");
  } finally {
    await browser.close();
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof UserError ? `${error.message}\n${error.remedy}` : error);
  process.exitCode = 1;
}
