import type { Redis } from "./redis.ts";

/** The Redis channel of Frappe's events. */
export const CHANNEL = "events";

const SITE = "demo.localhost";

/** What `frappe.publish_realtime` of Frappe 15 puts on Redis, byte for byte. */
export function payload(room: string, event: string, message: unknown, site = SITE): string {
  return JSON.stringify({ event, message, namespace: site, room }, null, 1);
}

/** A new count, as the article's Python publishes it. */
export function countPayload(count: number, user = "Administrator"): string {
  return payload(`user:${user}`, "count", { count });
}

/** Publishes counts in this order, as fast as it goes. */
export async function publishCounts(redis: Redis, counts: readonly number[], user?: string): Promise<void> {
  await redis.publishAll(
    CHANNEL,
    counts.map((count) => countPayload(count, user)),
  );
}

/** `from`, `from + 1` and so on: `length` numbers. */
export function numbers(from: number, length: number): number[] {
  return Array.from({ length }, (_, index) => from + index);
}
