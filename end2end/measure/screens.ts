import { fileURLToPath } from "node:url";
import { expect, test } from "../support/fixtures.ts";
import { publishCounts } from "../support/frappe.ts";
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
