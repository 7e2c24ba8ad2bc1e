import { banner, expectNotice, nextTryIsFar, pretendHidden } from "../support/banner.ts";
import { expect, FAILED_SOCKET, forgive, test } from "../support/fixtures.ts";
import { publishCounts } from "../support/frappe.ts";
import { count, expectLinkState, expectLive } from "../support/page.ts";
import { freePort } from "../support/redis.ts";

/** What Chromium says of a poll, or a page, that no server answers. */
const REFUSED = /net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INTERNET_DISCONNECTED)/;
/** Waits are random: until one is long, some short ones may pass. */
const LONG_WAIT_LIMIT_MS = 60_000;
/** A try that one asked for is made at once: sooner than any wait that was left. */
const AT_ONCE_MS = 2_500;

for (const way of ["the button", "a word from a native app"] as const) {
  test(`a server that stays away: seconds to the next try, and by ${way} at once`, async ({
    page,
    redis,
    startServer,
    quiet,
  }) => {
    test.setTimeout(LONG_WAIT_LIMIT_MS + 60_000);
    const settings = ["--listen", `127.0.0.1:${await freePort()}`, "--redis", redis.url];
    const server = await startServer(...settings);
    await server.isSubscribed();
    await publishCounts(redis, [42]);
    await server.hasAccepted(1);
    await page.goto(`${server.url}count`);
    await expectLive(page);
    await expectNotice(page, "nothing");

    await server.kill();
    await expectLinkState(page, "reconnecting");
    // Nothing for the first second.
    await expect(banner(page)).toBeHidden();
    await expectNotice(page, "reconnecting");
    await expect(page.getByTestId("connection-announcement")).toHaveText("Reconnecting");
    await nextTryIsFar(page, 6, LONG_WAIT_LIMIT_MS);

    const again = await startServer(...settings);
    await again.isSubscribed();
    await nextTryIsFar(page, 4, LONG_WAIT_LIMIT_MS);
    if (way === "the button") await page.getByTestId("try-now").click();
    else await page.evaluate(() => window.postMessage("frappe-live:wake"));
    await expectLinkState(page, "live", AT_ONCE_MS);
    await expectNotice(page, "nothing");
    await publishCounts(redis, [43]);
    await expect(count(page)).toHaveText("43");
    forgive(quiet, FAILED_SOCKET);
    forgive(quiet, REFUSED);
  });
}

test("without a network the banner says so, and goes when it is back", async ({ context, page, server, quiet }) => {
  await page.goto(`${server.url}count`);
  await expectLive(page);
  await context.setOffline(true);
  await expectNotice(page, "offline");
  await expect(page.getByTestId("try-now")).toBeVisible();
  await context.setOffline(false);
  await expectLive(page);
  await expectNotice(page, "nothing");
  forgive(quiet, FAILED_SOCKET);
  forgive(quiet, REFUSED);
});

test("a hidden page that lost its server is quiet, and back as soon as it is seen", async ({
  page,
  redis,
  startServer,
  quiet,
}) => {
  const settings = ["--listen", `127.0.0.1:${await freePort()}`, "--redis", redis.url];
  const server = await startServer(...settings);
  await server.isSubscribed();
  await page.goto(`${server.url}count`);
  await expectLive(page);
  await pretendHidden(page, true);
  let tries = 0;
  page.on("websocket", () => (tries += 1));
  await server.kill();
  await expectLinkState(page, "reconnecting");

  const again = await startServer(...settings);
  await again.isSubscribed();
  await publishCounts(redis, [7]);
  // Longer than the first waits between two tries are: a page that is seen would be back by now.
  await page.waitForTimeout(3_000);
  expect(tries).toBe(0);
  await expectLinkState(page, "reconnecting");
  await pretendHidden(page, false);
  await expectLinkState(page, "live", AT_ONCE_MS);
  await publishCounts(redis, [8]);
  await expect(count(page)).toHaveText("8");
  forgive(quiet, FAILED_SOCKET);
});

test("a Redis that goes away: the page says so, then catches up", async ({ page, redis, redisServer }) => {
  await publishCounts(redis, [1]);
  await redisServer.hasAccepted(1);
  await page.goto(`${redisServer.url}count`);
  await expectLive(page);

  await redis.kill();
  await expectLinkState(page, "reconnecting-to-source");
  await expectNotice(page, "reconnecting-to-source");
  await expect(count(page)).toHaveText("1");
  await redis.startAgain();
  await expectLive(page);
  await expectNotice(page, "nothing");
  await publishCounts(redis, [2]);
  await expect(count(page)).toHaveText("2");
});

test("a newer server asks for a reload, which keeps what was typed", async ({ page, server }) => {
  let isNewer = true;
  await page.routeWebSocket("**/live/ws", (socket) => {
    const upstream = socket.connectToServer();
    upstream.onMessage((frame) => {
      const text = frame.toString();
      socket.send(isNewer ? text.replace(/"build":"[^"]*"/, '"build":"newer"') : text);
    });
  });
  await page.goto(`${server.url}count`);
  await expectLive(page);
  await expectNotice(page, "updated");
  // A choice that is made and not sent is typed text, too.
  const choice = page.getByTestId("demo-users").getByLabel("View as");
  await choice.selectOption("Ravi Kumar");
  const chosen = await choice.inputValue();
  isNewer = false;

  const reloaded = page.waitForEvent("domcontentloaded");
  await page.getByTestId("reload").click();
  await reloaded;
  await expectLive(page);
  await expectNotice(page, "nothing");
  await expect(page.getByTestId("demo-users").getByLabel("View as")).toHaveValue(chosen);
});
