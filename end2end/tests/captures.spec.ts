import { CAPTURED_SITE, captures } from "../support/captures.ts";
import { expect, forgive, test } from "../support/fixtures.ts";
import { CHANNEL, payload } from "../support/frappe.ts";
import { count, expectLive, recordFrames, recordShown, shown } from "../support/page.ts";

const ME = "user:Administrator";
const MEBIBYTE = 1 << 20;

const toMe = (event: string, message: unknown): string => payload(ME, event, message, CAPTURED_SITE);
const counts = (value: number): string => toMe("count", { count: value });

test.beforeEach(({}, testInfo) => {
  test.skip(testInfo.project.name === "phone", "the same on every screen");
});

test("all that a real Frappe 15 published", async ({ page, redis, startServer }) => {
  const server = await startServer("--redis", redis.url, "--site", CAPTURED_SITE);
  await server.isSubscribed();
  await recordShown(page);
  const frames = recordFrames(page);
  await page.goto(`${server.url}count`);
  await expectLive(page);

  const published = captures().flatMap((captured) => captured.published);
  expect(published.map(({ channel }) => channel)).toEqual(published.map(() => CHANNEL));
  await redis.publishAll(
    CHANNEL,
    published.map(({ payload }) => payload),
  );
  await redis.publish(CHANNEL, counts(1000));

  await expect(count(page)).toHaveText("1000");
  // `article_count`, then `article_count_loop_3`, then ours.
  expect(await shown(page)).toEqual(["7", "0", "1", "2", "1000"]);
  await expectLive(page);
  expect(frames.filter(({ type }) => type === "hello")).toHaveLength(1);

  // What went to one of Administrator's rooms came, all of it and in order.
  const mine = published.map(({ payload }) => parse(payload)).filter((event) => event !== undefined);
  const expected = mine.filter(({ room }) => [ME, "website", "all"].includes(room)).map(({ event }) => event);
  expect(expected.length).toBeGreaterThan(20);
  const events = frames.filter(({ type }) => type === "event").map(({ event }) => event);
  expect(events).toEqual([...expected, "count"]);
});

/** What is published, unless it is only Python's JSON: browsers know neither NaN nor Infinity. */
function parse(payload: string): { event: string; room: string } | undefined {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}

const GARBAGE: Record<string, string | Uint8Array> = {
  "nothing": "",
  "no JSON": "not json",
  "half an object": counts(1).slice(0, -3),
  "NaN alone": "NaN",
  "null": "null",
  "an empty list": "[]",
  "a number": "7",
  "no event": JSON.stringify({ message: {}, namespace: CAPTURED_SITE, room: ME }),
  "an event that is no text": JSON.stringify({ event: 7, message: {}, namespace: CAPTURED_SITE, room: ME }),
  "a site that is not here": payload(ME, "count", { count: 666 }, "other.localhost"),
  "NaN in a message": toMe("count", { count: 666 }).replace("666", "NaN"),
  "2 MiB of text": "x".repeat(2 * MEBIBYTE),
  "2 MiB in a message": toMe("big", { text: "x".repeat(2 * MEBIBYTE) }),
  "deep nesting": toMe("deep", 0).replace("0", "[".repeat(100_000) + "]".repeat(100_000)),
  "__proto__ as a key": `{"__proto__": {"event": "count"}, ${toMe("polluted", {}).slice(1)}`,
  "__proto__ in a message": toMe("polluted", 0).replace("0", '{"__proto__": {"count": 666}}'),
  "__proto__ as an event": toMe("__proto__", { count: 666 }),
  "no UTF-8": Buffer.from(toMe("bytes", "\u00ff"), "latin1"),
  "a lone surrogate": toMe("surrogate", "\ud800"),
};

for (const [name, garbage] of Object.entries(GARBAGE)) {
  test(`garbage: ${name}`, async ({ page, redis, startServer }) => {
    const server = await startServer("--redis", redis.url, "--site", CAPTURED_SITE);
    await server.isSubscribed();
    await recordShown(page);
    const frames = recordFrames(page);
    await page.goto(`${server.url}count`);
    await expectLive(page);

    await redis.publishAll(CHANNEL, [counts(1), garbage, counts(2)]);
    await expect(count(page)).toHaveText("2");
    expect(await shown(page)).toEqual(["1", "2"]);
    await expectLive(page);
    expect(frames.filter(({ type }) => type === "hello")).toHaveLength(1);
  });
}

test("a count of another type is named in the console, and skipped", async ({ page, redis, startServer, quiet }) => {
  const server = await startServer("--redis", redis.url, "--site", CAPTURED_SITE);
  await server.isSubscribed();
  await recordShown(page);
  await page.goto(`${server.url}count`);
  await expectLive(page);

  const others = [null, "7", 7, {}, { count: "7" }, { count: 7.5 }, { count: null }];
  await redis.publishAll(CHANNEL, [counts(1), ...others.map((message) => toMe("count", message)), counts(2)]);
  await expect(count(page)).toHaveText("2");
  expect(await shown(page)).toEqual(["1", "2"]);
  const named = /^warning: frappe-live: a message of "count" in room user:Administrator does not fit the page's type/;
  expect(forgive(quiet, named)).toHaveLength(others.length);
});
