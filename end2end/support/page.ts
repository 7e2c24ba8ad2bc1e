import { expect, type Locator, type Page } from "@playwright/test";

declare global {
  interface Window {
    /** What {@link recordShown} wrote down. */
    shown: string[];
  }
}

/** How a page's connection is: `<html data-live>`. */
export type LinkState = "connecting" | "live" | "reconnecting" | "reconnecting-to-source" | "offline" | "session-expired";

/** The frames that we look at; the others have other keys. */
export interface Frame {
  type: string;
  room?: string;
  event?: string;
  message?: { count?: number };
  offset?: number;
}

export function count(page: Page): Locator {
  return page.getByTestId("count");
}

export async function expectLinkState(page: Page, state: LinkState, timeout?: number): Promise<void> {
  await expect(page.locator("html")).toHaveAttribute("data-live", state, timeout === undefined ? {} : { timeout });
}

export function expectLive(page: Page): Promise<void> {
  return expectLinkState(page, "live");
}

/** What a document shows before any script runs: the text of the count in the answer itself. */
export function countInHtml(html: string): string | undefined {
  return html.match(/<output[^>]* data-testid="count"[^>]*>([^<]*)<\/output>/)?.[1];
}

/**
 * From now on every document of the page writes down each text that its count shows, from the document's first moment.
 * A count that is emptied or taken away after it was there is written down as an empty text.
 */
export async function recordShown(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shown: string[] = (window.shown = []);
    const look = (): void => {
      const text = document.querySelector("[data-testid=count]")?.textContent ?? "";
      if (text !== (shown.at(-1) ?? "")) shown.push(text);
    };
    // Of the document, which is there before anything is parsed: nothing can be missed.
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  });
}

/** What the page's present document has shown so far. */
export function shown(page: Page): Promise<string[]> {
  return page.evaluate(() => window.shown);
}

/** Every frame that the page gets from now on, over all its connections. Fills itself. */
export function recordFrames(page: Page): Frame[] {
  const frames: Frame[] = [];
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => frames.push(JSON.parse(payload.toString())));
  });
  return frames;
}

/** The counts in frames, from the first answer to a join on: what came before it comes again after it. */
export function countsAfterJoin(frames: readonly Frame[]): (number | undefined)[] {
  const joined = frames.findIndex((frame) => frame.type === "joined");
  const events = joined < 0 ? [] : frames.slice(joined).filter((frame) => frame.event === "count");
  return events.map((frame) => frame.message?.count);
}

/** Makes the visitor another of the demo's people, by the banner's form. */
export async function viewAs(page: Page, name: string): Promise<void> {
  const form = page.getByTestId("demo-users");
  await form.getByLabel("View as").selectOption(name);
  await form.getByRole("button", { name: "Switch" }).click();
  await expect(page.getByTestId("who")).toContainText(name);
}
