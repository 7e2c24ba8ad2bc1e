import { readFileSync } from "node:fs";

/** The calls of Frappe 15's Python that were captured, and what each published, in the order they were run. */
const FILE = new URL("../../server/tests/fixtures/captures/v15/redis_events.jsonl", import.meta.url);

/** The site that was captured. */
export const CAPTURED_SITE = "rt15.localhost";

export interface Captured {
  case: string;
  published: { channel: string; payload: string }[];
}

export function captures(): Captured[] {
  const lines = readFileSync(FILE, "utf8").trimEnd().split("\n");
  return lines.map((line) => makeWhole(JSON.parse(line) as Captured));
}

/** The fixture is cut in one place: of a million `x` in a message it holds the first, and how long the payload was. */
function makeWhole(captured: Captured): Captured {
  const published = captured.published.map(({ channel, payload }) => {
    const [start = "", length] = payload.split(/\.\.\.\((\d+) bytes\)$/);
    if (length === undefined) return { channel, payload };
    const end = `"\n },\n "namespace": "${CAPTURED_SITE}",\n "room": "user:Administrator"\n}`;
    return { channel, payload: start + "x".repeat(Number(length) - start.length - end.length) + end };
  });
  return { ...captured, published };
}
