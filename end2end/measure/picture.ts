import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "../support/fixtures.ts";
import { publishCounts } from "../support/frappe.ts";
import { expectLive } from "../support/page.ts";

const PICTURE = fileURLToPath(new URL("../../docs/count.png", import.meta.url));
/** A README is read over slow lines too. */
const MOST_BYTES = 80 * 1024;

test.use({ viewport: { width: 780, height: 712 }, deviceScaleFactor: 1.5, colorScheme: "light" });

/** The picture of the README. */
test("docs/count.png", async ({ page, redis, redisServer }) => {
  await publishCounts(redis, [42]);
  await redisServer.hasAccepted(1);
  await page.goto(`${redisServer.url}count`);
  await expectLive(page);
  await page.screenshot({ path: PICTURE, animations: "disabled" });
  const { size } = await stat(PICTURE);
  console.log(`docs/count.png: ${size} bytes`);
  expect(size).toBeLessThan(MOST_BYTES);
});
