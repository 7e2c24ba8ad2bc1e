import { expect, test } from "../support/fixtures.ts";
import { CHANNEL, countPayload, publishCounts } from "../support/frappe.ts";
import { count, expectLive } from "../support/page.ts";
import { PLACES, visit } from "../support/pages.ts";

/** The longest number that the count's type holds. It is more than JavaScript's hold exactly: written, not reckoned. */
const LONGEST = "-9223372036854775808";
/** As far as people count: the style sheet holds seven figures on every screen. */
const LONG = 9_999_999;

/** The narrowest phone, and the Pixel 7. */
const SCREENS = [
  { width: 320, height: 568 },
  { width: 412, height: 839 },
];

for (const place of PLACES) {
  test(`${place.name}: nothing is wider than the screen`, async ({ page, redis, startServer, quiet }) => {
    const server = await startServer("--redis", redis.url, ...(place.args ?? []));
    await server.isSubscribed();
    await redis.publish(CHANNEL, countPayload(0).replace("0", LONGEST));
    await server.hasAccepted(1);

    for (const screen of SCREENS) {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.setViewportSize(screen);
        await page.emulateMedia({ colorScheme });
        await visit(page, server, place, quiet);
        if (place.name === "count") await expect(count(page)).toHaveText(LONGEST);

        const { content, visible } = await page.evaluate(() => {
          const { scrollWidth: content, clientWidth: visible } = document.documentElement;
          return { content, visible };
        });
        expect(visible).toBe(screen.width);
        expect(content, `${screen.width} px, ${colorScheme}`).toBeLessThanOrEqual(visible);
      }
    }
  });
}

for (const screen of SCREENS) {
  test(`${screen.width} px: the number is seen, whole and on one line`, async ({ page, redis, redisServer }) => {
    await page.setViewportSize(screen);
    await page.goto(`${redisServer.url}count`);
    await expectLive(page);
    await publishCounts(redis, [7]);
    await expect(count(page)).toHaveText("7");
    const height = (await count(page).boundingBox())?.height;

    await publishCounts(redis, [LONG]);
    await expect(count(page)).toHaveText(String(LONG));
    await expect(count(page)).toBeInViewport({ ratio: 1 });
    expect((await count(page).boundingBox())?.height).toBe(height);
  });
}
