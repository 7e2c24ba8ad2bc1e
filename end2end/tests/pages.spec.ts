import { AxeBuilder } from "@axe-core/playwright";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { Page } from "@playwright/test";
import { expect, FAILED_SOCKET, forgive, test } from "../support/fixtures.ts";
import { publishCounts } from "../support/frappe.ts";
import { count, expectLinkState, expectLive, viewAs } from "../support/page.ts";
import { isLive, PLACES, visit } from "../support/pages.ts";

const THEMES = ["light", "dark"] as const;

/** The demo's people, and the rooms that each is in without asking. */
const PEOPLE = [
  { name: "Administrator", user: "Administrator", kind: "System User", rooms: ["website", "all"] },
  { name: "Jane Doe", user: "jane@example.com", kind: "System User", rooms: ["website", "all"] },
  { name: "Ravi Kumar", user: "ravi@example.com", kind: "System User", rooms: ["website", "all"] },
  { name: "Mia Customer", user: "mia@example.com", kind: "Website User", rooms: ["website"] },
  { name: "Guest", user: "Guest", kind: "Not signed in", rooms: ["website"] },
];

for (const place of PLACES) {
  test(`${place.name}: status, title, language, and a way home where there is one`, async ({ page, startServer, quiet }) => {
    const server = await startServer(...(place.args ?? []));
    expect(await visit(page, server, place, quiet)).toBe(place.status);
    await expect(page).toHaveTitle(`${place.title} · frappe-live`);
    await expect(page.locator("html")).toHaveAttribute("lang", "en");
    await expect(page.locator("h1")).toHaveCount(1);
    const home = page.getByRole("main").getByRole("link", { name: "Home", exact: true });
    // A site that is not there has no front page either.
    await expect(home).toHaveCount(place.status === 200 || place.host ? 0 : 1);
    await expect(page.getByTestId("connection")).toHaveCount(isLive(place) ? 1 : 0);
  });

  test(`${place.name}: axe finds nothing serious`, async ({ page, startServer, quiet }) => {
    const server = await startServer(...(place.args ?? []));
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      await visit(page, server, place, quiet);
      await expectAccessible(page, colorScheme);
    }
  });
}

test("without a network axe finds nothing serious either", async ({ context, page, server, quiet }) => {
  for (const path of ["", "count"]) {
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      await page.goto(`${server.url}${path}`);
      await expectLive(page);
      await context.setOffline(true);
      await expectLinkState(page, "offline");
      await expect(page.getByTestId("connection")).toHaveText("Offline");
      await expectAccessible(page, `${path}, ${colorScheme}`);
      await context.setOffline(false);
    }
  }
  forgive(quiet, FAILED_SOCKET);
});

test("the front page says who you are, how the connection is, and leads to the count", async ({ page, server }) => {
  await page.goto(server.url);
  await expectLive(page);
  await expect(page.getByText("Live.", { exact: true })).toBeVisible();
  await expect(page.getByText("Connecting.", { exact: true })).toBeHidden();
  const here = page.getByRole("navigation").getByRole("link", { name: "Home" });
  await expect(here).toHaveAttribute("aria-current", "page");

  await page.getByRole("main").getByRole("link", { name: "Count" }).click();
  await expect(page).toHaveURL(`${server.url}count`);
  await expectLive(page);
});

test("an unknown path leads home", async ({ page, server, quiet }) => {
  await page.goto(`${server.url}nowhere`);
  forgive(quiet, /status of 404/);
  await page.getByRole("main").getByRole("link", { name: "Home" }).click();
  await expect(page).toHaveURL(server.url);
  await expectLive(page);
});

test("an unknown site has no page, whatever the path", async ({ server }) => {
  for (const path of ["", "count", "login"]) {
    const request = get(`${server.url}${path}`, { headers: { host: "evil.example" } });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    expect(response.statusCode).toBe(404);
    expect(await text(response)).toContain("No site called evil.example");
  }
});

test("the demo shows each of its people what is theirs", async ({ page, redis, redisServer }) => {
  for (const [index, { user }] of PEOPLE.entries()) await publishCounts(redis, [100 + index], user);
  await redisServer.hasAccepted(PEOPLE.length);

  for (const [index, { name, user, kind, rooms }] of PEOPLE.entries()) {
    await page.goto(redisServer.url);
    await viewAs(page, name);
    await expect(page).toHaveURL(redisServer.url);
    const you = page.getByRole("region", { name: "You" });
    const allRooms = [`user:${user}`, ...rooms];
    await expect(you.locator("dd")).toHaveText([user, kind, "demo.localhost", allRooms.join("")]);
    await expect(you.locator("code")).toHaveText(allRooms);

    await page.goto(`${redisServer.url}count`);
    await expect(count(page)).toHaveText(String(100 + index));
    await expectLive(page);
    await publishCounts(redis, [200 + index], user);
    await expect(count(page)).toHaveText(String(200 + index));
  }
});

test("the keyboard skips to the content, and focus is seen wherever it goes", async ({ page, server }) => {
  await page.goto(server.url);
  await expectLive(page);
  const skip = page.getByRole("link", { name: "Skip to content" });
  await expect(skip).not.toBeInViewport();

  await page.keyboard.press("Tab");
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport({ ratio: 1 });
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
  await expect(skip).not.toBeInViewport();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("main").getByRole("link", { name: "Count" })).toBeFocused();

  await page.reload();
  await expectLive(page);
  const focused: string[] = [];
  for (;;) {
    await page.keyboard.press("Tab");
    const { name, isSeen } = await focus(page);
    if (name === "BODY") break;
    expect(isSeen, `focus on ${name} is seen`).toBe(true);
    focused.push(name);
  }
  const header = ["frappe-live", "Home", "Count", "Together", "Sign out"];
  expect(focused).toEqual(["Skip to content", "demo-user", "Switch", ...header, "Count", "Together", "Document"]);
});

async function expectAccessible(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const findings = serious.flatMap(({ id, nodes }) => nodes.map((node) => [id, node.html, node.failureSummary]));
  expect(findings, what).toEqual([]);
}

/** What has the focus, and whether it, or what it draws around itself, has an outline. */
function focus(page: Page): Promise<{ name: string; isSeen: boolean }> {
  return page.evaluate(() => {
    const element = document.activeElement ?? document.body;
    const isSeen = [null, "::before"].some((part) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element, part);
      return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    });
    if (element === document.body) return { name: "BODY", isSeen };
    return { name: element.id || (element.textContent ?? ""), isSeen };
  });
}
