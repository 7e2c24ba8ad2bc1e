import { setTimeout as wait } from "node:timers/promises";
import type { Page } from "@playwright/test";
import { complaintsOf, expect, test } from "../support/fixtures.ts";
import { numbers, publishCounts } from "../support/frappe.ts";
import {
  count,
  countInHtml,
  countsAfterJoin,
  expectLive,
  recordFrames,
  recordShown,
  shown,
  viewAs,
} from "../support/page.ts";
import { Random } from "../support/random.ts";
import type { Redis } from "../support/redis.ts";
import { runCommand } from "../support/server.ts";

test("the document holds the value published before the visit, and counts on from there", async ({
  page,
  redis,
  redisServer,
}) => {
  await publishCounts(redis, [42]);
  await redisServer.hasAccepted(1);
  await recordShown(page);

  const response = await page.goto(`${redisServer.url}count`);
  expect(countInHtml((await response?.text()) ?? "")).toBe("42");
  await expect(page.locator("p.count")).toHaveText("Count: 42");

  await expectLive(page);
  for (const next of numbers(43, 5)) {
    await publishCounts(redis, [next]);
    await expect(count(page)).toHaveText(String(next));
  }
  expect(await shown(page)).toEqual(numbers(42, 6).map(String));
});

test("the command line publishes as Python does", async ({ page, redis, redisServer }) => {
  await page.goto(`${redisServer.url}count`);
  await expectLive(page);
  await expect(count(page)).toHaveText("");

  const message = ["--event", "count", "--user", "Administrator", "--message", '{"count": 7}'];
  const answer = await runCommand("publish", ...message, "--redis", redis.url);
  expect(answer).toContain("1 subscriber got");
  await expect(count(page)).toHaveText("7");
});

test("without a Redis the demo counts by itself, and never backwards", async ({ page, server }) => {
  await recordShown(page);
  const response = await page.goto(`${server.url}count`);
  const first = Number(countInHtml((await response?.text()) ?? ""));
  await expect.poll(async () => (await shown(page)).length, { timeout: 15_000 }).toBeGreaterThan(3);

  const texts = await shown(page);
  expect(texts).toEqual(numbers(first, texts.length).map(String));
});

test.describe("nothing is missed while the page loads", () => {
  const FIRST = 1000;
  const EVENTS = 100;
  const ALL = numbers(FIRST, EVENTS + 1);

  /** Each number once and in order: in the document, and on the wire after what the document was born with. */
  async function expectAll(page: Page, frames: ReturnType<typeof recordFrames>): Promise<void> {
    await expect(count(page)).toHaveText(String(ALL.at(-1)));
    expect(await shown(page)).toEqual(ALL.map(String));
    // A join is answered with the newest value where nothing came since, although the document shows it.
    const [first, ...rest] = countsAfterJoin(frames);
    expect(first === FIRST ? rest : [first, ...rest]).toEqual(ALL.slice(1));
  }

  test("a burst between the document and the wasm", async ({ page, redis, redisServer }) => {
    await publishCounts(redis, [FIRST]);
    await redisServer.hasAccepted(1);
    await recordShown(page);
    const frames = recordFrames(page);

    const document = page.waitForResponse("**/live/count");
    await page.route("**/*.wasm", async (route) => {
      await document;
      await publishCounts(redis, ALL.slice(1));
      await route.continue();
    });
    const response = await page.goto(`${redisServer.url}count`);

    expect(countInHtml((await response?.text()) ?? "")).toBe(String(FIRST));
    await expectAll(page, frames);
  });

  test("a burst at each step: document, wasm, socket, hello, join", async ({ page, redis, redisServer }) => {
    await publishCounts(redis, [FIRST]);
    await redisServer.hasAccepted(1);
    await recordShown(page);
    const frames = recordFrames(page);

    const bursts = new Bursts(redis, ALL.slice(1), 5);
    page.on("response", (response) => {
      if (/\/live\/count$|\.wasm$/.test(response.url())) bursts.next();
    });
    page.on("websocket", (socket) => {
      bursts.next();
      socket.on("framereceived", ({ payload }) => {
        if (["hello", "joined"].includes(JSON.parse(payload.toString()).type)) bursts.next();
      });
    });
    await page.goto(`${redisServer.url}count`);
    await bursts.areDone();

    await expectAll(page, frames);
  });

  test("a random schedule, from the document to well after the join", async ({ page, redis, redisServer }) => {
    const random = new Random();
    console.log(`SEED=${random.seed} brings this schedule again`);
    await publishCounts(redis, [FIRST]);
    await redisServer.hasAccepted(1);
    await recordShown(page);
    const frames = recordFrames(page);

    const published = page.waitForResponse("**/live/count").then(async () => {
      const waiting = ALL.slice(1);
      while (waiting.length > 0) {
        await publishCounts(redis, waiting.splice(0, 1 + random.below(5)));
        await wait(random.below(20));
      }
    });
    await page.goto(`${redisServer.url}count`);
    await published;

    await expectAll(page, frames);
  });
});

test.describe("the article", () => {
  const ARTICLE = numbers(0, 100);

  test("both tabs of a user get it, another user does not", async ({ browser, page, redis, redisServer, quiet }) => {
    const other = await browser.newContext();
    const otherComplaints = complaintsOf(other);
    const [otherTab, janesTab] = [await page.context().newPage(), await other.newPage()];
    const janesFrames = recordFrames(janesTab);
    for (const tab of [page, otherTab, janesTab]) {
      await recordShown(tab);
      await tab.goto(`${redisServer.url}count`);
    }
    await viewAs(janesTab, "Jane Doe");
    for (const tab of [page, otherTab, janesTab]) await expectLive(tab);

    await publishCounts(redis, ARTICLE);
    for (const tab of [page, otherTab]) {
      await expect(count(tab)).toHaveText("99");
      expect(await shown(tab)).toEqual(ARTICLE.map(String));
    }

    // What comes to Jane comes after all that was for others: had she got any of it, it would be here before.
    await publishCounts(redis, [7], "jane@example.com");
    await expect(count(janesTab)).toHaveText("7");
    expect(await shown(janesTab)).toEqual(["7"]);
    expect(janesFrames.filter((frame) => frame.type === "event").map((frame) => frame.room)).toEqual([
      "user:jane@example.com",
    ]);

    quiet.push(...otherComplaints);
    await other.close();
  });
});

/** Numbers that are published in parts of equal size, one part after the other. */
class Bursts {
  readonly #redis: Redis;
  readonly #parts: number[][];
  #last = Promise.resolve();

  constructor(redis: Redis, all: readonly number[], parts: number) {
    this.#redis = redis;
    const size = Math.ceil(all.length / parts);
    this.#parts = Array.from({ length: parts }, (_, index) => all.slice(index * size, (index + 1) * size));
  }

  /** Publishes the next part, after those before. */
  next(): void {
    const part = this.#parts.shift();
    if (part) this.#last = this.#last.then(() => publishCounts(this.#redis, part));
  }

  /** Waits until every part is published. */
  async areDone(): Promise<void> {
    await expect.poll(() => this.#parts.length).toBe(0);
    await this.#last;
  }
}
