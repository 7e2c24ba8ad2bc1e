import type { Page } from "@playwright/test";
import { complaintsOf, expect, failedDocument, forgive, test } from "../support/fixtures.ts";
import { count, expectLinkState, expectLive } from "../support/page.ts";

/** Everybody's, in the demo. */
const PASSWORD = "demo";

async function signIn(page: Page, user: string, password: string): Promise<void> {
  await page.getByLabel("User name or email").fill(user);
  await page.getByLabel("Password").fill(password);
  await page.getByTestId("login-submit").click();
}

test("a guest signs in from a page and comes back to it", async ({ page, server }) => {
  await page.context().addCookies([{ name: "frappe_live_demo_user", value: "Guest", url: server.url }]);
  await page.goto(`${server.url}count`);
  await page.getByTestId("sign-in").click();
  await expect(page).toHaveTitle("Sign in · frappe-live");
  await expect(page.getByTestId("login-user")).toBeFocused();
  await signIn(page, "jane@example.com", PASSWORD);
  await expect(page).toHaveURL(`${server.url}count`);
  await expect(page.getByTestId("who")).toContainText("Jane Doe");
  await expectLive(page);
});

test("a wrong password is said, the name stays and the password is asked for", async ({ page, server, quiet }) => {
  await page.goto(`${server.url}login`);
  await expect(page.getByTestId("login-problem")).toHaveCount(0);
  await signIn(page, "jane@example.com", "wrong");
  await expect(page.getByRole("alert")).toContainText("do not belong together");
  await expect(page.getByTestId("login-user")).toHaveValue("jane@example.com");
  await expect(page.getByTestId("login-password")).toHaveValue("");
  await expect(page.getByTestId("login-password")).toBeFocused();
  await expect(page.getByTestId("login-password")).toHaveAccessibleDescription(/do not belong together/);
  forgive(quiet, failedDocument(401));
  await signIn(page, "jane@example.com", PASSWORD);
  await expect(page.getByTestId("who")).toContainText("Jane Doe");
});

test("signing out ends the other open pages too", async ({ context, page, server, quiet }) => {
  await page.goto(`${server.url}login`);
  await signIn(page, "ravi@example.com", PASSWORD);
  await expectLive(page);
  const other = await context.newPage();
  await other.goto(`${server.url}count`);
  await expectLive(other);

  await page.getByTestId("sign-out").click();
  await expect(page).toHaveURL(`${server.url}login`);
  await expectLinkState(other, "session-expired");
  await expect(other.getByTestId("session-expired")).toBeVisible();
  await other.getByRole("link", { name: "Sign in again" }).click();
  await expect(other.getByTestId("login-form")).toBeVisible();
  await page.goto(server.url);
  await expect(page.getByTestId("who")).toContainText("Guest");
  await expectLive(page);
  // The page that signs out may hear of it before it is gone.
  expect(forgive(quiet, /the server says .*session_expired/).length).toBeGreaterThanOrEqual(1);
});

test("a webview with a header is that user, and counts", async ({ browser, server }) => {
  const context = await browser.newContext({
    extraHTTPHeaders: { authorization: `token Administrator:${PASSWORD}` },
  });
  const complaints = complaintsOf(context);
  const page = await context.newPage();
  await page.goto(`${server.url}count`);
  await expectLive(page);
  const first = await count(page).textContent();
  await expect(count(page)).not.toHaveText(first ?? "");

  const session = (await context.cookies(server.url)).find(({ name }) => name === "frappe_live_session");
  expect(session).toMatchObject({ httpOnly: true, sameSite: "Lax", path: "/live/" });
  expect(complaints).toEqual([]);
  await context.close();
});

test("a webview with a code is that user, once", async ({ page, request, server, quiet }) => {
  const answer = await request.post(`${server.url}code`, {
    headers: { authorization: `token mia@example.com:${PASSWORD}` },
  });
  const { code, expires_in } = (await answer.json()) as { code: string; expires_in: number };
  expect(expires_in).toBe(60);
  await page.goto(`${server.url}count?code=${code}`);
  await expect(page).toHaveURL(`${server.url}count`);
  await expect(page.getByTestId("who")).toContainText("Mia Customer");
  await expectLive(page);

  await page.context().clearCookies();
  const again = await page.goto(`${server.url}count?code=${code}`);
  expect(again?.status()).toBe(401);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("This code does not work any more");
  const signInAgain = page.getByRole("main").getByRole("link", { name: "Sign in" });
  await expect(signInAgain).toHaveAttribute("href", "/live/login?redirect-to=%2Flive%2Fcount");
  forgive(quiet, failedDocument(401));
  expect(server.log).not.toContain(code);
});

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("one signs in and out", async ({ page, server, quiet }) => {
    await page.goto(`${server.url}login?redirect-to=/live/count`);
    await signIn(page, "mia@example.com", PASSWORD);
    await expect(page).toHaveURL(`${server.url}count`);
    await expect(page.getByTestId("who")).toContainText("Mia Customer");
    await page.getByTestId("sign-out").click();
    await expect(page.getByTestId("login-form")).toBeVisible();
    await page.goto(`${server.url}count`);
    await expect(page.getByTestId("who")).toContainText("Guest");
    // Chromium fetches the wasm ahead although nothing will run it, and says so after some seconds.
    forgive(quiet, /\.wasm was preloaded using link preload but not used/);
  });
});
