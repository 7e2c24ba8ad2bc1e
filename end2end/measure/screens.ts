import { fileURLToPath } from "node:url";
import { pretendHidden } from "../support/banner.ts";
import { expect, test } from "../support/fixtures.ts";
import { publishCounts } from "../support/frappe.ts";
import { expectLive, viewAs } from "../support/page.ts";
import { PLACES, visit } from "../support/pages.ts";

const FOLDER = fileURLToPath(new URL("../screens/", import.meta.url));

const SCREENS = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
];

/** Every page in both themes, for people to look at: `end2end/screens/PAGE-THEME-WIDTH.png`. */
for (const place of PLACES) {
  test(place.name, async ({ page, redis, startServer, quiet }) => {
    const server = await startServer("--redis", redis.url, ...(place.args ?? []));
    await server.isSubscribed();
    await publishCounts(redis, [42]);
    await server.hasAccepted(1);
    for (const screen of SCREENS) {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.setViewportSize(screen);
        await page.emulateMedia({ colorScheme });
        expect(await visit(page, server, place, quiet)).toBe(place.status);
        const name = `${place.name.replaceAll(" ", "-")}-${colorScheme}-${screen.width}.png`;
        await page.screenshot({ path: `${FOLDER}${name}`, animations: "disabled" });
      }
    }
  });
}

/** What the banner looks like: the words are those of the page, only the moment is made up. */
test("notices", async ({ page, server }) => {
  await page.goto(`${server.url}doc/Note/Plans for lunch`);
  await expectLive(page);
  for (const notice of ["reconnecting", "reconnecting-to-source", "offline", "updated"]) {
    await page.evaluate((notice) => {
      document.documentElement.dataset.live = notice === "updated" ? "live" : notice;
      document.querySelector("[data-notice]")?.setAttribute("data-notice", notice);
      const countdown = document.querySelector("[data-testid=next-try]");
      if (countdown) countdown.textContent = "Next try in 7 s.";
    }, notice);
    for (const screen of SCREENS) {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.setViewportSize(screen);
        await page.emulateMedia({ colorScheme });
        const name = `notice-${notice}-${colorScheme}-${screen.width}.png`;
        await page.screenshot({ path: `${FOLDER}${name}`, animations: "disabled" });
      }
    }
  }
});

test("viewers", async ({ page, server, browser }) => {
  const path = `${server.url}doc/Note/Plans for lunch`;
  for (const [name, hidden] of [["Jane Doe", false], ["Ravi Kumar", true], ["Mia Customer", false]] as const) {
    const other = await (await browser.newContext()).newPage();
    await other.goto(`${server.url}count`);
    await viewAs(other, name);
    await other.goto(path);
    await expectLive(other);
    await pretendHidden(other, hidden);
  }
  await page.goto(path);
  await expect(page.getByTestId("viewers")).toContainText("Ravi Kumar (away)");
  for (const screen of SCREENS) {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize(screen);
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${FOLDER}viewers-${colorScheme}-${screen.width}.png`, animations: "disabled" });
    }
  }
});
