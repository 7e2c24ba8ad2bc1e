import { setTimeout as wait } from "node:timers/promises";
import type { Browser } from "@playwright/test";
import { expect, test } from "../support/fixtures.ts";
import { publishCounts } from "../support/frappe.ts";
import type { Redis } from "../support/redis.ts";

const RUNS = Number(process.env.RUNS ?? 15);
/** So often that waiting for an event is a small part of what is measured. */
const PUBLISH_EVERY_MS = 50;
const CPU_SLOWDOWNS = [1, 4];

interface Sample {
  /** Milliseconds from the start of the navigation to the first change of the count. */
  milliseconds: number;
  /** What came over the wire, headers included. */
  wasmBytes: number;
  scriptBytes: number;
}

declare global {
  interface Window {
    firstLive: number | undefined;
  }
}

/** How long a first visit takes until the page is live, in a cold browser context each time. */
test("from navigation to the first live update", async ({ browser, redis, redisServer }) => {
  const publisher = new Publisher(redis);
  await redisServer.hasAccepted(1);
  const samples = new Map<number, Sample[]>(CPU_SLOWDOWNS.map((slowdown) => [slowdown, []]));
  // Taken in turn, so that a busy moment of the machine meets all of them.
  for (let run = 0; run < RUNS; run++) {
    for (const [slowdown, taken] of samples) taken.push(await visit(browser, `${redisServer.url}count`, slowdown));
  }
  await publisher.stop();

  const report = [...samples].map(([slowdown, taken]) => ({
    cpuSlowdown: slowdown,
    runs: taken.length,
    ...quartiles(taken.map(({ milliseconds }) => milliseconds)),
    wasmBytes: taken[0]?.wasmBytes,
    scriptBytes: taken[0]?.scriptBytes,
  }));
  console.log(`\nFrom navigation to the first live update, ${browser.browserType().name()} ${browser.version()}:`);
  console.table(report);
  console.log(JSON.stringify(report));
});

async function visit(browser: Browser, url: string, slowdown: number): Promise<Sample> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const devTools = await context.newCDPSession(page);
  await devTools.send("Emulation.setCPUThrottlingRate", { rate: slowdown });
  await page.addInitScript(() => {
    let first: string | undefined;
    new MutationObserver(() => {
      const text = document.querySelector("[data-testid=count]")?.textContent;
      if (!text || window.firstLive !== undefined) return;
      first ??= text;
      // The clock of the document starts with its navigation.
      if (text !== first) window.firstLive = performance.now();
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await page.goto(url);
  await page.waitForFunction(() => window.firstLive !== undefined);
  const sample = await page.evaluate(() => {
    const resources = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
    const bytesOf = (ending: string): number =>
      resources.filter(({ name }) => name.endsWith(ending)).reduce((sum, { transferSize }) => sum + transferSize, 0);
    return { milliseconds: window.firstLive ?? NaN, wasmBytes: bytesOf(".wasm"), scriptBytes: bytesOf(".js") };
  });
  await context.close();
  expect(sample.milliseconds).toBeGreaterThan(0);
  return sample;
}

/** Counts on and on, until it is stopped. */
class Publisher {
  #isStopped = false;
  readonly #ended: Promise<void>;

  constructor(redis: Redis) {
    this.#ended = this.#run(redis);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #run(redis: Redis): Promise<void> {
    for (let count = 0; !this.#isStopped; count++) {
      await publishCounts(redis, [count]);
      await wait(PUBLISH_EVERY_MS);
    }
  }
}

function quartiles(values: readonly number[]): { median: number; p25: number; p75: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => Math.round(sorted[Math.round((sorted.length - 1) * part)] ?? NaN);
  return { median: at(0.5), p25: at(0.25), p75: at(0.75) };
}
