import type { Page } from "@playwright/test";
import { expect, FAILED_SOCKET, forgive, test } from "../support/fixtures.ts";
import { numbers, publishCounts } from "../support/frappe.ts";
import { count, expectLive, recordShown, shown } from "../support/page.ts";
import { Proxy, type WebSockets } from "../support/proxy.ts";

/** What Chromium says of a poll that a proxy cut. */
const CUT = /net::ERR_(EMPTY_RESPONSE|CONNECTION_RESET|CONNECTION_CLOSED|SOCKET_NOT_CONNECTED)/;
/** Two WebSockets have to fail first. */
const FALLBACK_LIMIT_MS = 20_000;

function expectTransport(page: Page, transport: "websocket" | "poll"): Promise<void> {
  return expect(page.locator("html")).toHaveAttribute("data-transport", transport, { timeout: FALLBACK_LIMIT_MS });
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
    expect(await shown(page)).toEqual(numbers(1000, 351).map(String));
    await proxy.discard();
    forgive(quiet, FAILED_SOCKET);
    forgive(quiet, CUT);
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
