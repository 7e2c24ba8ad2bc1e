import { CAPTURED_SITE, captures } from "../support/captures.ts";
import { expect, forgive, test } from "../support/fixtures.ts";
import { CHANNEL, numbers, payload } from "../support/frappe.ts";
import { count, expectLive, type Frame, recordFrames, recordShown, shown } from "../support/page.ts";

const ME = "user:Administrator";
const MEBIBYTE = 1 << 20;

/** What Python writes and browsers cannot read: NaN, and half of a surrogate pair. */
const NOT_JSON = ["message_nan_inf", "message_lone_surrogate"];

const toMe = (event: string, message: unknown): string => payload(ME, event, message, CAPTURED_SITE);
const counts = (value: number): string => toMe("count", { count: value });

test("all that a real Frappe 15 published", async ({ page, redis, startServer }) => {
  const server = await startServer("--redis", redis.url, "--site", CAPTURED_SITE);
  await server.isSubscribed();
  await recordShown(page);
  const frames = recordFrames(page);
  await page.goto(`${server.url}count`);
  await expectLive(page);

  const published = captures().flatMap((captured) => captured.published);
  for (const { channel } of published) expect(channel).toBe(CHANNEL);
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
  const carried = captures().filter((captured) => !NOT_JSON.includes(captured.case));
  const events = carried.flatMap((captured) => captured.published.map(({ payload }) => JSON.parse(payload) as Frame));
  const mine = events.filter(({ room = "" }) => [ME, "website", "all"].includes(room)).map(({ event }) => event);
  expect(mine.length).toBeGreaterThan(20);
  expect(frames.filter(({ type }) => type === "event").map(({ event }) => event)).toEqual([...mine, "count"]);
});

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

test("garbage on the bus is passed over", async ({ page, redis, startServer }) => {
  const server = await startServer("--redis", redis.url, "--site", CAPTURED_SITE);
  await server.isSubscribed();
  await recordShown(page);
  const frames = recordFrames(page);
  await page.goto(`${server.url}count`);
  await expectLive(page);

  for (const [index, [name, garbage]] of Object.entries(GARBAGE).entries()) {
    await test.step(name, async () => {
      await redis.publishAll(CHANNEL, [garbage, counts(index)]);
      await expect(count(page)).toHaveText(String(index));
    });
  }
  expect(await shown(page)).toEqual(numbers(0, Object.keys(GARBAGE).length).map(String));
  await expectLive(page);
  expect(frames.filter(({ type }) => type === "hello")).toHaveLength(1);
});

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
  const named = /^warning: frappe-live: a message of "count" in room user:Administrator does not fit the page’s type/;
  expect(forgive(quiet, named)).toHaveLength(others.length);
});
