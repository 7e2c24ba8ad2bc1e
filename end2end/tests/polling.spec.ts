import type { Page } from "@playwright/test";
import { expect, FAILED_SOCKET, forgive, test } from "../support/fixtures.ts";
import { numbers, publishCounts } from "../support/frappe.ts";
import { count, expectLive, recordShown, shown, type Frame } from "../support/page.ts";
import { Proxy, type WebSockets } from "../support/proxy.ts";

/** What Chromium says of a poll that a proxy cut. */
const CUT = /net::ERR_(EMPTY_RESPONSE|CONNECTION_RESET|CONNECTION_CLOSED|SOCKET_NOT_CONNECTED)/;
/** Two WebSockets have to fail first. */
const FALLBACK_LIMIT_MS = 20_000;

function expectTransport(page: Page, transport: "websocket" | "poll"): Promise<void> {
  return expect(page.locator("html")).toHaveAttribute("data-transport", transport, { timeout: FALLBACK_LIMIT_MS });
}

/** The counts in the answers to polls, in their order. Fills itself. */
function recordPolledCounts(page: Page): number[] {
  const counts: number[] = [];
  page.on("response", async (response) => {
    if (!response.url().endsWith("/live/poll") || !response.ok()) return;
    // An answer that was cut off has no body.
    const text = await response.text().catch(() => "[]");
    for (const frame of JSON.parse(text) as Frame[]) {
      if (frame.event === "count" && frame.message?.count !== undefined) counts.push(frame.message.count);
    }
  });
  return counts;
}

const BAD_PROXIES: readonly { name: string; webSockets: WebSockets }[] = [
  { name: "refuses WebSockets", webSockets: "refused" },
  { name: "cuts WebSockets when they are young", webSockets: { cutAfter: 400 } },
];

for (const { name, webSockets } of BAD_PROXIES) {
  test(`behind a proxy that ${name} the page goes on by polling`, async ({ page, redis, redisServer, quiet }) => {
    const proxy = await Proxy.start(redisServer.port);
    proxy.webSockets = webSockets;
    await publishCounts(redis, [1000]);
    await redisServer.hasAccepted(1);
    await recordShown(page);
    const polled = recordPolledCounts(page);
    await page.goto(`${proxy.url}count`);
    await expectTransport(page, "poll");
    await expectLive(page);
    expect(proxy.handshakes).toBe(2);

    await publishCounts(redis, numbers(1001, 300));
    await expect(count(page)).toHaveText("1300");
    // A poll that breaks off in the middle loses nothing either.
    proxy.cut();
    await publishCounts(redis, numbers(1301, 50));
    await expect(count(page)).toHaveText("1350");
    await expectLive(page);
    // Events that come in one answer are painted at once: what was shown is a part of it, in order.
    const seen = (await shown(page)).map(Number);
    expect(seen).toEqual([...new Set(seen)].sort((one, other) => one - other));
    expect(seen.at(0)).toBe(1000);
    expect(seen.at(-1)).toBe(1350);
    // The value that the page was born with may come again, as the newest one.
    const news = polled.filter((count) => count > 1000);
    expect([...new Set(news)].sort((one, other) => one - other)).toEqual(numbers(1001, 350));
    forgive(quiet, FAILED_SOCKET);
    forgive(quiet, CUT);
    await page.close();
    await proxy.discard();
  });
}

test("?transport=poll opens no WebSocket, and follows all the same", async ({ page, redis, redisServer }) => {
  let sockets = 0;
  page.on("websocket", () => (sockets += 1));
  await publishCounts(redis, [1]);
  await redisServer.hasAccepted(1);
  await recordShown(page);
  await page.goto(`${redisServer.url}count?transport=poll`);
  await expectLive(page);
  await expectTransport(page, "poll");
  for (const next of numbers(2, 30)) {
    await publishCounts(redis, [next]);
    await expect(count(page)).toHaveText(String(next));
  }
  expect(await shown(page)).toEqual(numbers(1, 31).map(String));
  expect(sockets).toBe(0);
});
