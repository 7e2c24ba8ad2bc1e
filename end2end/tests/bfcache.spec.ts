import { expect, test } from "../support/fixtures.ts";
import { numbers, publishCounts } from "../support/frappe.ts";
import { count, expectLive, recordShown, shown } from "../support/page.ts";

test.use({
  // Playwright switches the back/forward cache off.
  launchOptions: [
    ({ launchOptions }, use) => use({ ...launchOptions, ignoreDefaultArgs: ["--disable-back-forward-cache"] }),
    { scope: "worker" },
  ],
});

test("a page that comes back from the back/forward cache catches up", async ({ page, redis, redisServer }) => {
  await publishCounts(redis, [1000]);
  await redisServer.hasAccepted(1);
  await recordShown(page);
  await page.goto(`${redisServer.url}count`);
  await expectLive(page);

  await page.goto(redisServer.url);
  await expectLive(page);
  await publishCounts(redis, numbers(1001, 50));
  await redisServer.hasAccepted(51);

  // A page that is restored has no `load`.
  await page.goBack({ waitUntil: "commit" });
  await expectLive(page);
  await expect(count(page)).toHaveText("1050");
  await publishCounts(redis, [1051]);
  await expect(count(page)).toHaveText("1051");
  // The same document as before: a new one would have been born with 1050.
  expect(await shown(page)).toEqual(numbers(1000, 52).map(String));
});
