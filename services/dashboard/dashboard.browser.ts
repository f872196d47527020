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
import { PRICE_COLUMNS, type PriceRow } from "#proto/price/v1/changed.ts";
import { gatewayConfig } from "#services/gateway/config.ts";
import { createGatewayServer } from "#services/gateway/http.ts";
import { modelsView } from "#services/gateway/learning.ts";
import { arbitragesView, pricesView, tvlView } from "#services/gateway/market.ts";
import { applyMessage, initialReadModel } from "#services/gateway/read-model.ts";
import { createScenario, TEST_CHAIN } from "#services/gateway/testing.ts";
import { opportunitiesView, rejectionsView, selected, statsView, tradesView } from "#services/gateway/views.ts";
import { ensureDashboardBuilt } from "./build.ts";
import { createDashboardServer } from "./server.ts";
import { compactUnits, count, shareOfOne, shortDecimal, shortUnits, signedPercent, WEI_DECIMALS } from "./src/format.ts";
import { dexRows } from "./src/market.ts";
import { calibrationPoints, columnsOf, decider, shortVersion } from "./src/models.ts";

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

type Model = ReturnType<typeof initialReadModel>;

const chainOf = (model: Model) => {
  const [chain] = selected(model);
  if (chain === undefined) throw new Error("the model has a chain");
  return chain;
};

/** The cells of a table, row by row, as they are read. */
const cells = (page: Page, testId: string): Promise<string[][]> =>
  page
    .locator(`[data-testid=${testId}] tbody tr`)
    .evaluateAll((found) => found.map((row) => [...row.querySelectorAll("td")].map((cell) => (cell.textContent ?? "").trim())));

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What the tables of the market have to show of the model. */
const expectedDexes = (model: Model): string[][] => {
  const values = tvlView(chainOf(model), 1);
  return dexRows(statsView(model, Date.now()).pools, values === null ? [] : [values]).map(({ dex, family, pools, quarantined, tvl }) => [
    dex,
    family ?? "–",
    count(pools ?? 0),
    count(quarantined),
    tvl?.usd == null ? "–" : `$${shortDecimal(tvl.usd)}`,
  ]);
};
const expectedPrices = (model: Model): string[][] => {
  const view = pricesView(chainOf(model), 100);
  return (view?.prices ?? []).map(({ token, native, usd, confidence }) => {
    const feed = view?.feeds.find((each) => each.token.address === token.address);
    return [
      `${token.symbol}${view?.depegged.some((each) => each.token.address === token.address) ? "off peg" : ""}`,
      usd === null ? "–" : `$${shortDecimal(usd)}`,
      shortDecimal(native),
      shareOfOne(confidence),
      feed === undefined ? "–" : signedPercent(feed.deviation),
    ];
  });
};
/** Without the route, which is checked by itself: who, block, amounts. */
const expectedArbitrages = (model: Model): string[][] =>
  arbitragesView([chainOf(model)], 100).map((each) => {
    const who = each.ours ? "ours" : `${(each.to ?? each.from).slice(0, 6)}…${(each.to ?? each.from).slice(-4)}`;
    const usd = each.grossProfitUsd === null ? "" : `$${shortDecimal(each.grossProfitUsd)}`;
    return [
      count(each.blockNumber),
      `${who}${each.dropped ? "dropped" : ""}`,
      `${compactUnits(each.grossProfit, each.token.decimals ?? 0)} ${each.token.symbol}${usd}`,
      shortUnits(each.gasCost, WEI_DECIMALS, 5),
      shortUnits(each.tip, WEI_DECIMALS, 5),
      `${each.transactionHash.slice(0, 6)}…${each.transactionHash.slice(-4)}`,
    ];
  });
const withoutRoute = (row: string[]): string[] => row.toSpliced(2, 1);

async function showsMarket(page: Page, model: Model): Promise<boolean> {
  return (
    same(await cells(page, "dexes"), expectedDexes(model)) &&
    same(await cells(page, "prices"), expectedPrices(model)) &&
    same((await cells(page, "arbitrages")).map(withoutRoute), expectedArbitrages(model))
  );
}

async function checkMarket(page: Page, model: Model): Promise<void> {
  await until("DEXes, prices and arbitrages are those of the model, in its order, cell by cell", () => showsMarket(page, model));
  const arbitrages = arbitragesView([chainOf(model)], 100);
  check(
    "DEXes have values and one a quarantined pool",
    same((await cells(page, "dexes")).map((row) => row[3]).sort(), ["0", "0", "0", "1"]),
  );
  check("a stable coin off its peg is marked, and no other token", (await page.locator("[data-testid=prices] .off-peg").count()) === 1);
  const bars = await page
    .locator("[data-testid=prices] .bar i")
    .evaluateAll((found) => found.map((bar) => bar.getBoundingClientRect().width));
  check("confidence bars fall with the confidence", bars.length === 8 && bars.every((width, index) => width <= (bars[index - 1] ?? width)));
  const ours = arbitrages.filter((each) => each.ours).length;
  const marked = await page.locator("[data-testid=arbitrages] td:nth-child(2) .chip.good", { hasText: "ours" }).count();
  check(`${ours} of ${arbitrages.length} arbitrages are marked as ours`, ours > 0 && ours < arbitrages.length && marked === ours);
  const dropped = arbitrages.filter((each) => each.dropped).length;
  check(
    `${dropped} of a dropped block are struck`,
    dropped > 0 && (await page.locator("[data-testid=arbitrages] tr.struck").count()) === dropped,
  );
  const routes = (await cells(page, "arbitrages")).map((row) => row[2] ?? "");
  check(
    "routes are written in symbols, from a token back to it",
    routes.every((route) => /^WETH→.+→WETH/.test(route)),
  );
  check(
    "a split way shows its parts, a pool of nobody's says so",
    ["+", "not followed"].every((mark) => routes.some((route) => route.includes(mark))),
  );
  const [newest] = arbitrages;
  check(
    "the whole transaction hash is in its title",
    (await page.locator("[data-testid=arbitrages] tbody tr .hash").first().getAttribute("title")) === newest?.transactionHash,
  );
}

const MODELS_SHOWN = 50;

/** The panel and the history, word by word where a word could be wrong. */
async function showsModels(page: Page, model: Model): Promise<boolean> {
  const view = modelsView(chainOf(model), MODELS_SHOWN);
  const { name } = decider(view);
  const { trial, check, rankings, labels } = view;
  const shown = await text(page, "models");
  const states = (await cells(page, "model-history")).map(([version, state]) => [version, state]);
  return (
    (await text(page, "decider")).startsWith(name) &&
    (await text(page, "challenger")).includes(trial === null ? "none on trial" : shortVersion(trial.version)) &&
    (await text(page, "drift")).startsWith(check === null ? "not checked yet" : check.level) &&
    (check?.reasons ?? []).every((reason) => shown.includes(reason)) &&
    Object.entries(rankings.byRanking).every(([ranking, blocks]) => shown.includes(`${ranking} ${count(blocks)}`)) &&
    Object.entries(labels.byOutcome).every(([outcome, candidates]) => shown.includes(`${outcome}${count(candidates)}`)) &&
    Number(await page.getByTestId("calibration-plot").getAttribute("data-points")) === calibrationPoints(view).length &&
    (await page.locator("[data-testid=labels] .columns > div").count()) === columnsOf(labels).length &&
    same(
      states,
      view.models.map(({ version, state, detail }) => [shortVersion(version), `${state}${detail}`]),
    )
  );
}

/** Block, probability of landing, value and gate of the rejected ones. */
const expectedRejections = (model: Model): string[][] =>
  rejectionsView(model, { limit: 100 }).map(({ blockNumber, netProfit, confidence, expectedValue, unfit, reason, label }) => [
    count(blockNumber),
    `${BigInt(netProfit) > 0n ? "+" : ""}${shortUnits(netProfit, WEI_DECIMALS, 5)}`,
    confidence === null ? "–" : shareOfOne(confidence),
    expectedValue === null ? "–" : shortUnits(expectedValue, WEI_DECIMALS, 5),
    `${unfit ?? reason}${label ?? ""}`,
  ]);

async function checkModels(page: Page, model: Model): Promise<void> {
  await until("who decides, drift, calibration, labels and every model's end are those of the model", () => showsModels(page, model));
  const { models } = modelsView(chainOf(model), MODELS_SHOWN);
  check(
    "models of every end are there",
    ["champion", "former", "rejected", "rolled-back"].every((state) => models.some((each) => each.state === state)),
  );
  const drawn = await page.locator("[data-testid=calibration-plot] canvas").evaluate((canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const pixels = (canvas as HTMLCanvasElement).getContext("2d")?.getImageData(0, 0, width, height).data ?? [];
    let blue = 0;
    for (let at = 0; at < pixels.length; at += 4)
      if ((pixels[at] ?? 0) === 94 && pixels[at + 1] === 168 && pixels[at + 2] === 255) blue += 1;
    return blue;
  });
  check("calibration is drawn", drawn > 200);
  await page.getByTestId("calibration-plot").scrollIntoViewIfNeeded();
  const box = await page.getByTestId("calibration-plot").boundingBox();
  if (box === null) throw new Error("the plot has a place");
  await page.mouse.move(box.x + box.width * 0.55, box.y + box.height / 2);
  await until("and tells its points", async () => / foretold 0\.\d\d, seen [01]\.\d\d, /.test(await text(page, "calibration-readout")));
  await page.mouse.move(0, 0);

  const passed = (await cells(page, "opportunities")).map((row) => [row[1], row[6], row[7], row[8]]);
  const expected = opportunitiesView(model, { limit: passed.length }).map(({ blockNumber, confidence, expectedValue, status, label }) => [
    count(blockNumber),
    confidence === null ? "–" : shareOfOne(confidence),
    expectedValue === null ? "–" : shortUnits(expectedValue, WEI_DECIMALS, 5),
    `${status}${label ?? ""}`,
  ]);
  check("opportunities say how likely they land, what they are worth, and what became of them", same(passed, expected));
  await page.getByRole("button", { name: "rejected" }).click();
  await until("rejected candidates say by which gate", async () =>
    same(
      (await cells(page, "opportunities")).map((row) => [row[0], row[4], row[5], row[6], row[7]]),
      expectedRejections(model),
    ),
  );
  const gates = new Set(
    expectedRejections(model).map((row) => row[4]?.replace(/(landed|still-there|outbid|vanished|unknown|expired|failed)$/, "")),
  );
  check(
    "every gate is among them",
    ["below-minimum", "not-worth-the-risk", "refused"].every((gate) => gates.has(gate)),
  );
  await page.getByRole("button", { name: "passed" }).click();
}

/** Every table can be reached and scrolled without a mouse. */
async function checkKeyboard(page: Page): Promise<void> {
  for (const testId of ["opportunities", "model-history", "arbitrages", "prices", "dexes"]) {
    const region = page.locator(`[data-testid=${testId}] .scroll`);
    await region.focus();
    check(
      `${testId}: the table takes the focus`,
      await region.evaluate((element) => element === document.activeElement && element.tabIndex === 0),
    );
  }
  const region = page.locator("[data-testid=arbitrages] .scroll");
  await region.focus();
  await page.keyboard.press("End");
  await until("and is scrolled by keys", async () => (await region.evaluate((element) => element.scrollTop)) > 0);
  await page.keyboard.press("Home");
}

/** A market whose last block is now. */
function market(options: { blocks: number; mode: Mode }) {
  const startMs = Date.now() - options.blocks * 2_010;
  const scenario = createScenario({ seed: 20_266, startMs, mode: options.mode, reorgShare: 0.06 });
  const config = gatewayConfig({ port: 0, statsIntervalMs: 200 });
  const model = initialReadModel({ chains: [{ config: scenario.chain, mode: options.mode }], bounds: config });
  const apply = (blocks: number) => {
    const messages = Array.from({ length: blocks }, () => scenario.nextBlock()).flat();
    return [...messages, ...scenario.heartbeats(Date.now())].flatMap((message) => applyMessage(model, message));
  };
  apply(options.blocks);
  return { model, config, scenario, apply };
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
    await checkMarket(page, model);
    await checkModels(page, model);
    await checkKeyboard(page);
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
    await until("the market follows the model", () => showsMarket(page, model));
    await until("and so do the models", () => showsModels(page, model));
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
    for (const width of [390, 400, 700, 1300]) {
      await page.setViewportSize({ width, height: 844 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      check(`the page needs no sideways scrolling at ${width} px`, overflow <= 0);
    }
    await page.setViewportSize({ width: 400, height: 844 });
    if (values["screenshot-narrow"] !== undefined) {
      await page.waitForTimeout(300);
      await page.screenshot({ path: values["screenshot-narrow"], fullPage: true });
    }
    const isSeen = await page
      .locator("[data-testid=arbitrages] tbody tr")
      .evaluateAll((found) => found.every((row) => (row.querySelector(".amount")?.getBoundingClientRect().right ?? 1e9) <= innerWidth));
    check("block, sender, route and gross profit of arbitrages are in view at 400 px", isSeen);
    const isWrapped = await page
      .locator("[data-testid=arbitrages] .route-tokens")
      .evaluateAll((found) => found.every((route) => route.scrollWidth <= route.clientWidth));
    check("and long routes wrap", isWrapped);
    for (const testId of ["prices", "dexes"]) {
      const region = page.locator(`[data-testid=${testId}] .scroll`);
      check(`nor does the table of ${testId} at 400 px`, await region.evaluate((element) => element.scrollWidth <= element.clientWidth));
    }
    await page.setViewportSize({ width: 1600, height: 1000 });
    check("no console error while live", problems.length === 0);

    await gateway.close();
    await until("a lost gateway is shown", async () => (await page.getByTestId("disconnected").count()) === 1);
    check("and so in the header", (await text(page, "connection")) === "Disconnected");
    await until("and beside the market, whose last figures stay", async () => {
      const notes = await page.locator("main .panel-note .warning", { hasText: "the gateway does not answer: as of" }).count();
      return notes === 5 && (await showsMarket(page, model));
    });
    gateway = createGatewayServer({ model, config: { ...config, port }, version: "0.1.0" });
    gateway.allowOrigin(url);
    await gateway.listen();
    await until("the page finds the gateway again", async () => (await text(page, "connection")) === "Live", 15_000);
    check("and the banner is gone", (await page.getByTestId("disconnected").count()) === 0);
    await until("and asks it for the market again", async () => (await page.locator("main .panel-note .warning").count()) === 0);
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
  const { model, config, scenario } = market({ blocks: 0, mode: "paper" });
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
    await until(
      "the market says that no analyst has spoken",
      async () => (await page.getByText("No analyst has spoken here yet").count()) === 2,
    );
    check("every empty panel says so", (await page.locator(".empty").count()) === 9);

    const place = {
      chainId: TEST_CHAIN.chainId,
      blockNumber: 7,
      blockHash: `0x${"7".repeat(64)}`,
      observedAtMs: Date.now(),
      causeId: null,
    };
    const prices = (usdPerNative: string | null, id: string, rows: PriceRow[]) =>
      applyMessage(
        model,
        scenario.message(
          "priceChanged",
          {
            kind: "price-changed",
            v: 1,
            ...place,
            scope: "all",
            epoch: 0,
            usdPerNative,
            columns: [...PRICE_COLUMNS],
            rows,
            gone: [],
            depegged: [],
            feeds: [],
            lateDexes: ["sushiswap"],
          },
          { id, atMs: Date.now() },
        ),
      );
    prices(null, "prices:none", []);
    await until("a chain without a price says what leads to none", async () =>
      (await text(page, "prices")).includes("No token has a price: no followed pool leads to ETH"),
    );
    check("no arbitrage is not the same as nobody looking", (await text(page, "arbitrages")).includes("Nobody has landed an arbitrage"));
    check("a DEX that was late for the block is told", (await text(page, "prices")).includes("1 DEX late"));
    prices(null, "prices:no-dollar", [[TEST_CHAIN.wrappedNative, 18, "1", null, "native", 1]]);
    await until("without a stable coin, prices are in the native coin and the page says why", async () => {
      const shown = await text(page, "prices");
      return (
        shown.includes("No stable coin has a price here: values are in ETH alone.") &&
        same(await cells(page, "prices"), [["WETH", "–", "1.0000", "1.00", "–"]])
      );
    });
    const dexes = [
      { dex: "small", pools: 1, native: "2.5", usd: null },
      { dex: "large", pools: 3, native: "1200.75", usd: null },
    ];
    applyMessage(
      model,
      scenario.message(
        "tvlChanged",
        { kind: "tvl-changed", v: 1, ...place, scope: "all", epoch: 0, native: "1203.25", usd: null, dexes, pools: [], lateDexes: [] },
        { id: "tvl:no-dollar", atMs: Date.now() },
      ),
    );
    await until("and so are values, the largest first", async () =>
      same(await cells(page, "dexes"), [
        ["large", "–", "–", "0", "1,200.7 ETH"],
        ["small", "–", "–", "0", "2.5000 ETH"],
      ]),
    );
  } finally {
    await dashboard.close();
    await gateway.close();
  }
}

/** Beside a busy chain, a quiet one whose arbitrages are not among the latest of all. */
async function runSeveral(page: Page): Promise<void> {
  const days = [
    { chain: { ...TEST_CHAIN, key: "busy" }, blocks: 120, startMs: Date.now() - 240_000 },
    { chain: { ...TEST_CHAIN, key: "quiet" }, blocks: 10, startMs: Date.now() - 3_600_000 },
  ];
  const config = gatewayConfig({ port: 0 });
  const model = initialReadModel({ chains: days.map(({ chain }) => ({ config: chain, mode: "live" as const })), bounds: config });
  for (const { chain, blocks, startMs } of days) {
    const scenario = createScenario({ seed: 11, startMs, chain });
    for (let block = 0; block < blocks; block += 1) for (const message of scenario.nextBlock()) applyMessage(model, message);
  }
  const gateway = createGatewayServer({ model, config });
  const { url: apiUrl } = await gateway.listen();
  const dashboard = createDashboardServer({ host: "127.0.0.1", port: 0, apiUrl });
  const { url } = await dashboard.listen();
  gateway.allowOrigin(url);
  try {
    await page.goto(url);
    await until("of several chains, every DEX of each is shown", async () => (await rows(page, "dexes")) === 8);
    const chainsShown = async () => new Set(await page.locator("[data-testid=arbitrages] td .row-chain:not([title])").allTextContents());
    await until("the latest arbitrages of all are those of the busy chain", async () => same([...(await chainsShown())], ["busy"]));
    await page.getByRole("button", { name: "quiet" }).click();
    const expected = arbitragesView(selected(model, "quiet"), 100).map(({ blockNumber }) => count(blockNumber));
    await until("once it is chosen, the quiet chain shows its own", async () => {
      const shown = (await cells(page, "arbitrages")).map(([block]) => block);
      return expected.length > 5 && same(shown, expected);
    });
    check("and its own prices and DEXes alone", (await rows(page, "prices")) === 8 && (await rows(page, "dexes")) === 4);
  } finally {
    await dashboard.close();
    await gateway.close();
  }
}

/** A gateway that takes its time, then refuses, then answers. */
async function runRefused(page: Page): Promise<void> {
  const { model, config } = market({ blocks: 3, mode: "live" });
  const gateway = createGatewayServer({ model, config });
  const { url: apiUrl } = await gateway.listen();
  const dashboard = createDashboardServer({ host: "127.0.0.1", port: 0, apiUrl });
  const { url } = await dashboard.listen();
  gateway.allowOrigin(url);
  let answer = (): void => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const pattern = /\/api\/(prices|tvl|arbitrages)/;
  try {
    await page.route(pattern, async (route) => {
      await asked;
      await route.fulfill({ status: 404, headers: { "access-control-allow-origin": url }, body: "{}" });
    });
    await page.goto(url);
    await until(
      "until the gateway answers, the page says that it asks",
      async () => (await page.getByText("Asking the gateway…").count()) === 4,
    );
    answer();
    await until(
      "a refusal is told where the figures would be",
      async () => (await page.getByText("Nothing to show: the gateway answered 404.").count()) === 2,
    );
    check(
      "pools are shown without their values",
      same(
        (await cells(page, "dexes")).map((row) => row[4]),
        ["–", "–", "–", "–"],
      ),
    );
    await page.unroute(pattern);
    await until("and the market comes as soon as the gateway gives it", () => showsMarket(page, model));
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
    await runRefused(page);
    await runSeveral(page);
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
