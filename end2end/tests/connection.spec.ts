import type { Page } from "@playwright/test";
import { expect, FAILED_SOCKET, forgive, test } from "../support/fixtures.ts";
import { numbers, publishCounts } from "../support/frappe.ts";
import {
  count,
  countsAfterJoin,
  expectLinkState,
  expectLive,
  recordFrames,
  recordShown,
  shown,
} from "../support/page.ts";
import { freePort } from "../support/redis.ts";

/** Longer than the page's longest wait between two tries so early after a break. */
const BACK_LIMIT_MS = 20_000;
/** A page must not hold up a server that stops, nor believe for long that it is live. */
const STOP_LIMIT_MS = 1_500;
/** How long a break lasts before the page speaks of it: a second, and a little less for its timers. */
const GRACE_MS = 950;

test("a server that crashes and comes back", async ({ page, redis, startServer, quiet }) => {
  const settings = ["--listen", `127.0.0.1:${await freePort()}`, "--redis", redis.url];
  const server = await startServer(...settings);
  await server.isSubscribed();
  await publishCounts(redis, [42]);
  await server.hasAccepted(1);
  await recordShown(page);
  await recordLink(page);
  await page.goto(`${server.url}count`);
  await expectLive(page);
  await expect(page.getByTestId("connection")).toHaveText("Live");

  await server.kill();
  await expectLinkState(page, "reconnecting");
  await expect(page.getByTestId("connection")).toHaveText("Reconnecting");
  const moments = await linkMoments(page);
  const broken = moments.find(({ link }) => link === "reconnecting")?.at ?? NaN;
  const spokenOf = moments.find(({ pill }) => pill === "Reconnecting")?.at ?? NaN;
  expect(spokenOf - broken).toBeGreaterThan(GRACE_MS);
  // The old value stays to be read.
  await expect(count(page)).toHaveText("42");

  const again = await startServer(...settings);
  await again.isSubscribed();
  await publishCounts(redis, [43]);
  await expectLinkState(page, "live", BACK_LIMIT_MS);
  await expect(count(page)).toHaveText("43");
  await expect(page.getByTestId("connection")).toHaveText("Live");

  await publishCounts(redis, [44]);
  await expect(count(page)).toHaveText("44");
  // All in one document: the page was not loaded again.
  expect(await shown(page)).toEqual(["42", "43", "44"]);
  forgive(quiet, FAILED_SOCKET);
});

test("a server that is restarted in good order", async ({ page, redis, startServer, quiet }) => {
  const settings = ["--listen", `127.0.0.1:${await freePort()}`, "--redis", redis.url];
  const server = await startServer(...settings);
  await server.isSubscribed();
  const frames = recordFrames(page);
  await page.goto(`${server.url}count`);
  await expectLive(page);

  const stopped = Date.now();
  await server.stop();
  await expectLinkState(page, "reconnecting");
  expect(Date.now() - stopped).toBeLessThan(STOP_LIMIT_MS);
  expect(frames.at(-1)).toMatchObject({ type: "bye", code: "restart" });

  const again = await startServer(...settings);
  await again.isSubscribed();
  await expectLinkState(page, "live", BACK_LIMIT_MS);
  await publishCounts(redis, [1]);
  await expect(count(page)).toHaveText("1");
  forgive(quiet, FAILED_SOCKET);
});

test("a network that goes and comes back: what was published meanwhile arrives, once and in order", async ({
  context,
  page,
  redis,
  redisServer,
  quiet,
}) => {
  await publishCounts(redis, [1000]);
  await redisServer.hasAccepted(1);
  await recordShown(page);
  await page.goto(`${redisServer.url}count`);
  await expectLive(page);

  await context.setOffline(true);
  await expectLinkState(page, "offline");
  await expect(page.getByTestId("connection")).toHaveText("Offline");
  const missed = numbers(1001, 500);
  await publishCounts(redis, missed);
  await redisServer.hasAccepted(501);
  await expect(count(page)).toHaveText("1000");

  const frames = recordFrames(page);
  await context.setOffline(false);
  await expectLive(page);
  await expect(page.getByTestId("connection")).toHaveText("Live");
  await publishCounts(redis, [1501]);
  await expect(count(page)).toHaveText("1501");
  expect(await shown(page)).toEqual(numbers(1000, 502).map(String));
  expect(countsAfterJoin(frames)).toEqual([...missed, 1501]);
  forgive(quiet, FAILED_SOCKET);
});

test("a Redis that crashes and comes back: the page keeps its connection", async ({ page, redis, redisServer }) => {
  await recordLink(page);
  await page.goto(`${redisServer.url}count`);
  await expectLive(page);

  await redis.kill();
  await redisServer.logMatches(/No events from Redis/);
  await redis.startAgain();
  await redisServer.logMatches(/No events from Redis[^]*Subscribed to the channel/);
  await publishCounts(redis, [1]);
  await expect(count(page)).toHaveText("1");
  const links = (await linkMoments(page)).map(({ link }) => link);
  expect([...new Set(links)]).toEqual(["connecting", "live", "reconnecting-to-source"]);
  expect(links.at(-1)).toBe("live");
});

interface LinkMoment {
  link: string;
  pill: string;
  at: number;
}

declare global {
  interface Window {
    linkMoments: LinkMoment[];
  }
}

/** From now on every document of the page writes down each change of its connection and of what it says of it. */
async function recordLink(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const moments: LinkMoment[] = (window.linkMoments = []);
    const look = (): void => {
      const link = document.documentElement?.dataset.live;
      const pill = document.querySelector("[data-testid=connection]")?.textContent;
      if (!link || !pill) return;
      const last = moments.at(-1);
      if (link !== last?.link || pill !== last.pill) moments.push({ link, pill, at: performance.now() });
    };
    const all = { subtree: true, childList: true, characterData: true, attributes: true };
    new MutationObserver(look).observe(document, all);
  });
}

function linkMoments(page: Page): Promise<LinkMoment[]> {
  return page.evaluate(() => window.linkMoments);
}
