import type { Locator, Page } from "@playwright/test";
import { expect } from "./fixtures.ts";

/** What the banner says: the word in `data-notice`. */
export type Notice = "nothing" | "reconnecting" | "reconnecting-to-source" | "offline" | "updated";

export function banner(page: Page): Locator {
  return page.getByTestId("connection-banner");
}

export async function expectNotice(page: Page, notice: Notice, timeout?: number): Promise<void> {
  const patience = timeout === undefined ? {} : { timeout };
  await expect(banner(page)).toHaveAttribute("data-notice", notice, patience);
  if (notice === "nothing") await expect(banner(page)).toBeHidden();
  else await expect(banner(page)).toBeVisible();
}

/** Waits until the banner says that the next try is so many seconds away, or more. */
export async function nextTryIsFar(page: Page, seconds: number, timeout: number): Promise<void> {
  const left = async (): Promise<number> => {
    const text = await page.getByTestId("next-try").textContent();
    return Number(text?.match(/\d+/)?.[0] ?? 0);
  };
  await expect.poll(left, { timeout, intervals: [50] }).toBeGreaterThanOrEqual(seconds);
}

/** Makes the page believe that it is hidden, or seen again: headless browsers have no tabs behind others. */
export async function pretendHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => (hidden ? "hidden" : "visible") });
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}
