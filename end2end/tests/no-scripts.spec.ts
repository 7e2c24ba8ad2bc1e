import { expect, forgive, test } from "../support/fixtures.ts";
import { publishCounts } from "../support/frappe.ts";
import { count, viewAs } from "../support/page.ts";

test.use({ javaScriptEnabled: false });

test.afterEach(({ quiet }) => {
  // Chromium loads the wasm ahead although nothing will run it, and says so after some seconds.
  forgive(quiet, /\.wasm was preloaded using link preload but not used/);
});

test("the value is there, and a later visit has the newer one", async ({ page, redis, redisServer }) => {
  await publishCounts(redis, [42]);
  await redisServer.hasAccepted(1);
  await page.goto(`${redisServer.url}count`);
  await expect(count(page)).toHaveText("42");

  await publishCounts(redis, [43, 44]);
  await redisServer.hasAccepted(3);
  await expect(count(page)).toHaveText("42");
  await page.reload();
  await expect(count(page)).toHaveText("44");
});

test("the page says that it is static, and not that it connects", async ({ page, redisServer }) => {
  // By element: Playwright finds no text inside <noscript>.
  await page.goto(`${redisServer.url}count`);
  await expect(page.locator("main noscript p")).toBeVisible();
  await expect(page.locator("main noscript p")).toContainText("Scripts are off");
  await expect(page.locator("header noscript span")).toBeVisible();
  await expect(page.getByTestId("connection")).toBeHidden();

  await page.goto(redisServer.url);
  await expect(page.locator("main noscript p")).toBeVisible();
  await expect(page.locator("main noscript p")).toContainText("Scripts are off");
  await expect(page.getByText("Connecting.", { exact: true })).toBeHidden();
});

test("the demo switch is a plain form", async ({ page, redis, redisServer }) => {
  await publishCounts(redis, [5], "jane@example.com");
  await redisServer.hasAccepted(1);
  await page.goto(`${redisServer.url}count`);
  await expect(count(page)).toHaveText("");

  await viewAs(page, "Jane Doe");
  await expect(page).toHaveURL(`${redisServer.url}count`);
  await expect(count(page)).toHaveText("5");
  await expect(page.getByLabel("View as")).toHaveValue("jane@example.com");
});
