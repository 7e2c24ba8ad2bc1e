import type { Page } from "@playwright/test";
import { FakeFrappe, PASSWORDS, TOKEN_OF_ALICE, type FrappeVersion } from "../support/fake-frappe.ts";
import { complaintsOf, expect, failedDocument, forgive, test as base } from "../support/fixtures.ts";
import { CHANNEL, payload } from "../support/frappe.ts";
import { count, expectLinkState, expectLive } from "../support/page.ts";
import type { Redis } from "../support/redis.ts";
import type { Server } from "../support/server.ts";

/** A server beside a fake Frappe of a version. */
interface Bench {
  frappe: FakeFrappe;
  server: Server;
}

const test = base.extend<{ startBench: (version: FrappeVersion, ...args: string[]) => Promise<Bench> }>({
  startBench: async ({ redis, startServer }, use) => {
    const started: FakeFrappe[] = [];
    await use(async (version, ...args) => {
      const frappe = await FakeFrappe.start(version);
      started.push(frappe);
      const server = await startServer("--redis", redis.url, "--frappe", frappe.url, "--site", frappe.site, ...args);
      await server.isSubscribed();
      return { frappe, server };
    });
    for (const frappe of started) await frappe.kill();
  },
});

type User = keyof typeof PASSWORDS;

async function signIn(page: Page, user: string, password: string): Promise<void> {
  await page.getByTestId("login-user").fill(user);
  await page.getByTestId("login-password").fill(password);
  await page.getByTestId("login-submit").click();
}

/** Publishes a count as this version does: 14 puts the site before the room, 15 and 16 beside it. */
function publishCount(redis: Redis, frappe: FakeFrappe, user: User, value: number): Promise<number> {
  const [event, message] = ["count", { count: value }];
  const older = JSON.stringify({ event, message, room: `${frappe.site}:user:${user}` });
  return redis.publish(CHANNEL, frappe.version === 14 ? older : payload(`user:${user}`, event, message, frappe.site));
}

for (const version of [14, 15, 16] as const) {
  test(`Frappe ${version}: sign in, count, sign out`, async ({ page, redis, startBench, quiet }) => {
    const { frappe, server } = await startBench(version);
    await page.goto(`${server.url}login?redirect-to=/live/count`);
    await signIn(page, "alice@example.com", PASSWORDS["alice@example.com"]);
    await expect(page).toHaveURL(`${server.url}count`);
    await expect(page.getByTestId("who")).toContainText("alice@example.com");
    await expectLive(page);
    await publishCount(redis, frappe, "alice@example.com", 42);
    await expect(count(page)).toHaveText("42");

    const sid = (await page.context().cookies()).find(({ name }) => name === "sid");
    expect(sid).toMatchObject({ httpOnly: true, sameSite: "Lax", secure: false, path: "/" });

    await page.getByTestId("sign-out").click();
    await expect(page).toHaveURL(`${server.url}login`);
    await page.goto(`${server.url}count`);
    await expect(page.getByTestId("sign-in")).toBeVisible();
    await expectLive(page);
    await publishCount(redis, frappe, "alice@example.com", 43);
    await expect(count(page)).toHaveText("");
    expect(server.log).not.toContain(PASSWORDS["alice@example.com"]);
    expect(server.log).not.toContain(sid?.value);
    // The page that was left may have heard that its session is over before it was gone.
    forgive(quiet, /session_expired/);
  });
}

test("what is wrong with a sign-in is said in words, and the name stays", async ({ page, startBench, quiet }) => {
  const { frappe, server } = await startBench(15);
  const refused = async (status: number, words: RegExp, user: string, password: string): Promise<void> => {
    await page.goto(`${server.url}login`);
    await signIn(page, user, password);
    await expect(page.getByTestId("login-problem")).toHaveText(words);
    await expect(page.getByTestId("login-user")).toHaveValue(user);
    await expect(page.getByTestId("login-password")).toHaveValue("");
    expect(forgive(quiet, failedDocument(status))).toHaveLength(1);
  };
  await refused(401, /password/i, "alice@example.com", "wrong");
  await refused(401, /password/i, "nobody@example.com", "wrong");
  await frappe.tell("two_factor", { user: "alice@example.com", required: true });
  await refused(403, /second factor|two-factor|verification/i, "alice@example.com", PASSWORDS["alice@example.com"]);
  await frappe.tell("disable", { user: "carol@example.com" });
  await refused(403, /disabled/i, "carol@example.com", PASSWORDS["carol@example.com"]);
  await frappe.tell("fail", { status: 502 });
  await refused(503, /not reachable|does not answer|cannot be reached/i, "Administrator", "admin");
});

test("when the session ends the open page says so, shows nothing new, and signs in again", async ({
  page,
  redis,
  startBench,
  quiet,
}) => {
  const { frappe, server } = await startBench(16, "--review-seconds", "1");
  await page.goto(`${server.url}login?redirect-to=/live/count`);
  await signIn(page, "Administrator", "admin");
  await expectLive(page);
  await publishCount(redis, frappe, "Administrator", 1);
  await expect(count(page)).toHaveText("1");

  await frappe.tell("end_sessions", { user: "Administrator" });
  await expectLinkState(page, "session-expired");
  await expect(page.getByTestId("connection")).toHaveText("Session expired");
  await expect(page.getByTestId("session-expired")).toBeVisible();
  await publishCount(redis, frappe, "Administrator", 2);
  await server.hasAccepted(2);
  await expect(count(page)).toHaveText("1");
  expect(forgive(quiet, /the server says .*session_expired/)).toHaveLength(1);

  await page.getByTestId("session-expired").getByRole("link", { name: "Sign in again" }).click();
  await signIn(page, "Administrator", "admin");
  await expect(page).toHaveURL(`${server.url}count`);
  await expect(count(page)).toHaveText("2");
  await expectLive(page);
});

test("a page whose browser became somebody else says so, and is no silent guest", async ({ page, startBench, quiet }) => {
  const { frappe, server } = await startBench(15);
  const { sids } = await frappe.facts();
  const { origin } = new URL(server.url);
  for (const other of [{ name: "sid", value: sids["carol@example.com"] ?? "", url: origin }, undefined]) {
    const alice = { name: "sid", value: sids["alice@example.com"] ?? "", url: origin };
    await page.context().addCookies([alice]);
    await page.goto(server.url);
    await expectLive(page);
    await page.context().clearCookies();
    if (other) await page.context().addCookies([other]);
    await page.context().setOffline(true);
    await expectLinkState(page, "offline");
    await page.context().setOffline(false);
    await expectLinkState(page, "session-expired");
    await expect(page.getByTestId("session-expired")).toBeVisible();
  }
  forgive(quiet, /the server says|WebSocket connection to/);
});

test("a session that Frappe does not know is no silent guest", async ({ page, startBench, quiet }) => {
  const { server } = await startBench(15);
  await page.context().addCookies([{ name: "sid", value: "0123", url: new URL(server.url).origin }]);
  const response = await page.goto(`${server.url}count`);
  expect(response?.status()).toBe(401);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/expired/);
  forgive(quiet, failedDocument(401));
  await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await signIn(page, "alice@example.com", PASSWORDS["alice@example.com"]);
  await expect(page).toHaveURL(`${server.url}count`);
  await expectLive(page);
});

test("a webview that opens a page with a token is that user from then on", async ({ browser, redis, startBench }) => {
  const { frappe, server } = await startBench(15);
  const context = await browser.newContext({ baseURL: server.url });
  const complaints = complaintsOf(context);
  const page = await context.newPage();
  // Only the first request has the header, as a native app's `loadUrl` does it.
  await page.route("**/live/count", async (route) => {
    await route.continue({ headers: { ...route.request().headers(), authorization: TOKEN_OF_ALICE } });
    await page.unroute("**/live/count");
  });
  await page.goto(`${server.url}count`);
  await expect(page.getByTestId("who")).toContainText("alice@example.com");
  await expectLive(page);
  await publishCount(redis, frappe, "alice@example.com", 7);
  await expect(count(page)).toHaveText("7");
  await page.reload();
  await expect(page.getByTestId("who")).toContainText("alice@example.com");
  expect(server.log).not.toContain("alicesecret0000");
  expect(complaints).toEqual([]);
  await context.close();
});

test("a room that Frappe refuses is answered with the reason and a remedy", async ({ page, startBench }) => {
  const { frappe, server } = await startBench(16);
  await page.goto(`${server.url}login`);
  await signIn(page, "carol@example.com", PASSWORDS["carol@example.com"]);
  await expectLive(page);
  const { todo_of_alice } = await frappe.facts();
  const answer = await page.evaluate(
    ([url, room]) =>
      new Promise<{ code: string; reason: string; remedy: string }>((resolve) => {
        const socket = new WebSocket(url ?? "", "frappe-live.v1");
        socket.onmessage = ({ data }) => {
          const frame = JSON.parse(data);
          if (frame.type === "hello") socket.send(JSON.stringify({ type: "join", ref: 1, room }));
          if (frame.ref === 1) resolve(frame);
        };
      }),
    [`${server.url.replace("http", "ws")}ws`, `doc:ToDo/${todo_of_alice}`],
  );
  expect(answer.code).toBe("not_permitted");
  expect(answer.reason).toContain("Frappe does not let");
  expect(answer.remedy).toContain("read permission");
});
