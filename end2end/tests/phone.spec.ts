import { expect, test } from "../support/fixtures.ts";
import { CHANNEL, countPayload, publishCounts } from "../support/frappe.ts";
import { count, expectLive } from "../support/page.ts";
import { PLACES, visit } from "../support/pages.ts";

/** The longest number that the count's type holds. It is more than JavaScript's hold exactly: written, not reckoned. */
const LONGEST = "-9223372036854775808";
/** As far as people count. */
const LONG = 9_999_999;

/** The narrowest phone, and the Pixel 7. */
const WIDTHS = [320, 412];

test.beforeEach(({}, testInfo) => {
  test.skip(testInfo.project.name !== "phone", "of small screens only");
});

for (const width of WIDTHS) {
  for (const colorScheme of ["light", "dark"] as const) {
    test.describe(`${width} px, ${colorScheme}`, () => {
      test.use({ colorScheme, viewport: { width, height: 700 } });

      for (const place of PLACES) {
        test(`${place.name}: nothing is wider than the screen`, async ({ page, redis, startServer, quiet }) => {
          const server = await startServer("--redis", redis.url, ...(place.args ?? []));
          await server.isSubscribed();
          await redis.publish(CHANNEL, countPayload(0).replace(/0/, LONGEST));
          await server.hasAccepted(1);
          await visit(page, server, place, quiet);
          if (place.name === "count") await expect(count(page)).toHaveText(LONGEST);

          const { content, screen } = await page.evaluate(() => {
            const { scrollWidth: content, clientWidth: screen } = document.documentElement;
            return { content, screen };
          });
          expect(screen).toBe(width);
          expect(content).toBeLessThanOrEqual(screen);
        });
      }

      test("the number is seen at once, whole and on one line", async ({ page, redis, redisServer }) => {
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
    });
  }
}
