import type { Browser, Page } from "@playwright/test";
import { pretendHidden } from "../support/banner.ts";
import { complaintsOf, expect, test } from "../support/fixtures.ts";
import { expectLive, viewAs } from "../support/page.ts";
import type { Server } from "../support/server.ts";

const DOCUMENT = "doc/Note/Plans%20for%20lunch";
/** A viewer who goes without a word is shown for ten seconds more; then some for slow machines. */
const GONE_LIMIT_MS = 25_000;

function viewers(page: Page): Promise<string> {
  return page.getByTestId("viewers").getByRole("status").innerText();
}

async function expectViewers(page: Page, sentence: string, timeout?: number): Promise<void> {
  const status = page.getByTestId("viewers").getByRole("status");
  await expect(status).toHaveText(sentence, timeout === undefined ? {} : { timeout });
}

/** Writes down every sentence that the page says about viewers, from now on. */
async function recordViewers(page: Page): Promise<void> {
  await page.evaluate(() => {
    const status = document.querySelector("[data-testid=viewers] [role=status]");
    const sentences: string[] = ((window as { sentences?: string[] }).sentences = []);
    const look = (): number => sentences.push(status?.textContent ?? "");
    if (status) new MutationObserver(look).observe(status, { subtree: true, childList: true, characterData: true });
  });
}

function recordedViewers(page: Page): Promise<string[]> {
  return page.evaluate(() => (window as { sentences?: string[] }).sentences ?? []);
}

/** Opens a page of its own as one of the demo's people. */
async function sitDown(browser: Browser, server: Server, name: string, query = ""): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = complaintsOf(context);
  page.on("close", () => expect(complaints).toEqual([]));
  // Elsewhere: whoever one was before would still be seen at the document for a while.
  await page.goto(`${server.url}count`);
  await viewAs(page, name);
  await page.goto(`${server.url}${DOCUMENT}${query}`);
  await expectLive(page);
  return page;
}

for (const query of ["", "?transport=poll"]) {
  test(`two people on two servers see each other${query}`, async ({ browser, redis, startServer }) => {
    const servers = [await startServer("--redis", redis.url), await startServer("--redis", redis.url)] as const;
    for (const server of servers) await server.isSubscribed();
    const jane = await sitDown(browser, servers[0], "Jane Doe", query);
    await expectViewers(jane, "Nobody else is looking at this.");
    const ravi = await sitDown(browser, servers[1], "Ravi Kumar", query);
    await expectViewers(ravi, "Jane Doe is looking at this too.");
    await expectViewers(jane, "Ravi Kumar is looking at this too.");

    // Another tab of the same person changes nothing, not even when only one of the two is hidden.
    await recordViewers(ravi);
    const tab = await jane.context().newPage();
    await tab.goto(`${servers[1].url}${DOCUMENT}${query}`);
    await expectViewers(tab, "Ravi Kumar is looking at this too.");
    await pretendHidden(tab, true);
    await tab.close();
    // Nor does a reload.
    await jane.reload();
    await expectViewers(jane, "Ravi Kumar is looking at this too.");
    expect(await recordedViewers(ravi)).toEqual([]);

    await pretendHidden(jane, true);
    await expectViewers(ravi, "Jane Doe (away) is looking at this too.");
    await pretendHidden(jane, false);
    await expectViewers(ravi, "Jane Doe is looking at this too.");

    await jane.goto(`${servers[0].url}count`);
    await expectViewers(ravi, "Nobody else is looking at this.", GONE_LIMIT_MS);
    expect(await viewers(ravi)).toBe("Nobody else is looking at this.");
    await jane.context().close();
    await ravi.context().close();
  });
}

test("a server that dies leaves no ghost for longer than thirty seconds", async ({ browser, redis, startServer }) => {
  test.setTimeout(90_000);
  const [dying, other] = [await startServer("--redis", redis.url), await startServer("--redis", redis.url)];
  for (const server of [dying, other]) await server.isSubscribed();
  const ravi = await sitDown(browser, other, "Ravi Kumar");
  const context = await browser.newContext();
  const jane = await context.newPage();
  await jane.goto(`${dying.url}count`);
  await viewAs(jane, "Jane Doe");
  await jane.goto(`${dying.url}${DOCUMENT}`);
  await expectViewers(ravi, "Jane Doe is looking at this too.");
  await dying.kill();
  await expectViewers(ravi, "Nobody else is looking at this.", 30_000);
  await context.close();
  await ravi.context().close();
});
