import type { Browser, BrowserContext, Locator, Page } from "@playwright/test";
import { complaintsOf, expect, forgive, test } from "../support/fixtures.ts";
import { CHANNEL, payload } from "../support/frappe.ts";
import { expectLive, recordFrames, viewAs } from "../support/page.ts";
import type { Redis } from "../support/redis.ts";
import type { Server } from "../support/server.ts";

type Dish = "dosa" | "ramen" | "tacos";

const DISHES: readonly Dish[] = ["dosa", "ramen", "tacos"];
/** How long somebody is shown pointing who says nothing new, and time for slow machines. */
const GONE_LIMIT_MS = 15_000;

test("one vote each, counted for who asks; all see the tally", async ({ browser, page, server, quiet }) => {
  const ravi = await sitDown(browser, server, "Ravi Kumar");
  await open(page, server, "Jane Doe");

  await dish(page, "dosa").click();
  await expect(answer(page)).toHaveText("Thanks, Jane: Dosa it is.");
  await expect(dish(page, "dosa")).toHaveAttribute("aria-pressed", "true");
  for (const table of [page, ravi.page]) await expectTally(table, [1, 0, 0]);

  // By keyboard, as one who cannot point.
  await dish(ravi.page, "tacos").focus();
  await ravi.page.keyboard.press("Enter");
  await expect(answer(ravi.page)).toHaveText("Thanks, Ravi: Tacos it is.");
  for (const table of [page, ravi.page]) await expectTally(table, [1, 0, 1]);

  await dish(page, "ramen").click();
  await expect(answer(page)).toHaveText("Jane changed from Dosa to Ramen.");
  await expect(dish(page, "ramen")).toHaveAttribute("aria-pressed", "true");
  await expect(dish(page, "dosa")).toHaveAttribute("aria-pressed", "false");
  for (const table of [page, ravi.page]) await expectTally(table, [0, 1, 1]);
  // The answer is for who asked.
  await expect(answer(ravi.page)).toHaveText("Thanks, Ravi: Tacos it is.");

  await ravi.leave(quiet);
});

test("the first paint holds the tally, and what came before the visit is in it", async ({ page, server }) => {
  await open(page, server, "Jane Doe");
  await dish(page, "dosa").click();
  await expectTally(page, [1, 0, 0]);

  const response = await page.reload();
  expect(votesInHtml((await response?.text()) ?? "")).toEqual(["1", "0", "0"]);
  await expectTally(page, [1, 0, 0]);
});

test("the others see where one points, and oneself does not", async ({ browser, page, server, quiet }) => {
  const ravi = await sitDown(browser, server, "Ravi Kumar");
  const frames = recordFrames(page);
  await open(page, server, "Jane Doe");

  await dish(page, "dosa").hover();
  await expect(pointing(ravi.page, "dosa")).toHaveText("j");
  await dish(page, "tacos").hover();
  await expect(pointing(ravi.page, "tacos")).toHaveText("j");
  await expect(pointing(ravi.page, "dosa")).toHaveText("");

  await dish(ravi.page, "tacos").focus();
  await expect(pointing(page, "tacos")).toHaveText("r");
  // No event of Frappe's: it is in no history.
  expect(frames.filter(({ event }) => event === "pointing").map(({ type }) => type)).toEqual(["emitted"]);
  await expect(pointing(ravi.page, "tacos"), "what is old is gone").toHaveText("", { timeout: GONE_LIMIT_MS });

  await ravi.leave(quiet);
});

test("the second page of the same person does not show that person pointing", async ({ context, page, server }) => {
  await open(page, server, "Jane Doe");
  const other = await context.newPage();
  const frames = recordFrames(other);
  await other.goto(`${server.url}together`);
  await expectLive(other);

  await dish(page, "dosa").hover();
  await expect.poll(() => frames.filter(({ event }) => event === "pointing").length).toBeGreaterThan(0);
  await expect(pointing(other, "dosa")).toHaveText("");
});

test("a guest is refused in words, and sees what the others do", async ({ browser, page, server, quiet }) => {
  const guest = await sitDown(browser, server, "Guest");
  await dish(guest.page, "dosa").click();
  await expect(answer(guest.page)).toHaveText("Sign in to vote: each person has one vote.");
  await expect(dish(guest.page, "dosa")).toHaveAttribute("aria-pressed", "false");

  await open(page, server, "Jane Doe");
  await dish(page, "ramen").hover();
  await expect(pointing(guest.page, "ramen")).toHaveText("j");
  await dish(page, "ramen").click();
  await expectTally(guest.page, [0, 1, 0]);

  await guest.leave(quiet);
});

test("nothing moves when votes and pointers come", async ({ page, redis, redisServer }) => {
  await open(page, redisServer, "Jane Doe");
  const before = await places(page);
  await dish(page, "dosa").click();
  await expect(answer(page)).toHaveText(/Dosa it is/);
  await publishTally(redis, { dosa: 1234, ramen: 98, tacos: 7 });
  await expectTally(page, [1234, 98, 7]);
  expect(await places(page)).toEqual(before);
});

test("without a connection one is told so", async ({ context, page, server, quiet }) => {
  await open(page, server, "Jane Doe");
  await context.setOffline(true);
  await expect(page.getByTestId("connection")).toHaveText("Offline");
  await dish(page, "dosa").click();
  await expect(answer(page)).toHaveText("There is no connection to the server now. Try again in a moment.");
  await context.setOffline(false);
  await expectLive(page);
  await dish(page, "dosa").click();
  await expect(answer(page)).toHaveText("Thanks, Jane: Dosa it is.");
  forgive(quiet, /WebSocket connection to 'ws:[^']*' failed/);
});

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("the tally is there, and that voting needs scripts", async ({ page, redis, redisServer, quiet }) => {
    await publishTally(redis, { dosa: 2, ramen: 1, tacos: 0 });
    await redisServer.hasAccepted(1);
    await page.goto(`${redisServer.url}together`);
    await expectTally(page, [2, 1, 0]);
    // By element: Playwright finds no text inside <noscript>.
    await expect(page.locator("main noscript p")).toBeVisible();
    await expect(page.locator("main noscript p")).toContainText("Voting needs scripts");
    // Chromium loads the wasm ahead although nothing will run it, and says so after some seconds.
    forgive(quiet, /\.wasm was preloaded using link preload but not used/);
  });
});

interface Guest {
  page: Page;
  /** Goes away, and hands over what the pages complained of. */
  leave: (quiet: string[]) => Promise<void>;
}

/** Somebody else, in a browser of their own. */
async function sitDown(browser: Browser, server: Server, name: string): Promise<Guest> {
  const context: BrowserContext = await browser.newContext();
  const complaints = complaintsOf(context);
  const page = await context.newPage();
  await open(page, server, name);
  return {
    page,
    leave: async (quiet) => {
      quiet.push(...complaints);
      await context.close();
    },
  };
}

async function open(page: Page, server: Server, name: string): Promise<void> {
  await page.goto(`${server.url}together`);
  await viewAs(page, name);
  await expectLive(page);
}

function dish(page: Page, word: Dish): Locator {
  return page.getByTestId(`dish-${word}`);
}

function pointing(page: Page, word: Dish): Locator {
  return page.getByTestId(`pointing-${word}`);
}

function answer(page: Page): Locator {
  return page.getByTestId("answer");
}

async function expectTally(page: Page, votes: readonly number[]): Promise<void> {
  for (const [index, word] of DISHES.entries()) {
    await expect(page.getByTestId(`votes-${word}`)).toHaveText(String(votes[index]));
  }
}

/** The votes in the document itself, before any script runs. */
function votesInHtml(html: string): (string | undefined)[] {
  return DISHES.map((word) => html.match(new RegExp(`data-testid="votes-${word}">([^<]*)<`))?.[1]);
}

function publishTally(redis: Redis, votes: Record<Dish, number>): Promise<number> {
  return redis.publish(CHANNEL, payload("website", "lunch", { votes }));
}

/** Where everything of the vote stands. */
function places(page: Page): Promise<unknown[]> {
  return page.getByRole("main").evaluate((main) => {
    const parts = main.querySelectorAll(".dishes, .dish, .dish p, .answer");
    // What is pointed at may be wider or narrower; the numbers too.
    return [...parts, ...main.querySelectorAll(".note")].map((part) => {
      const { top, height } = part.getBoundingClientRect();
      return { top, height };
    });
  });
}
