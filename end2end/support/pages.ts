import type { Page } from "@playwright/test";
import { failedDocument, forgive } from "./fixtures.ts";
import { expectLive } from "./page.ts";
import type { Server } from "./server.ts";

/** One of the pages that there are. */
export interface Place {
  name: string;
  /** Under `/live/`. */
  path: string;
  /** The name of this machine that is asked for, where it is not the address. Chromium knows `*.localhost`. */
  host?: string;
  /** The server's arguments that make it appear. */
  args?: readonly string[];
  /** The session of the visitor, at a Frappe. */
  sid?: string;
  /** Whether nothing of it is ever live. */
  still?: true;
  status: number;
  /** In the browser's tab. */
  title: string;
}

/** Nobody listens on port 9: the machines of our tests have no discard service. */
const NO_FRAPPE = ["--frappe", "http://127.0.0.1:9"];

export const PLACES: readonly Place[] = [
  { name: "home", path: "", status: 200, title: "Home" },
  { name: "count", path: "count", status: 200, title: "Count" },
  { name: "together", path: "together", status: 200, title: "Together" },
  { name: "document", path: "doc/Note/Welcome", status: 200, title: "Welcome · Note" },
  { name: "sign in", path: "login", still: true, status: 200, title: "Sign in" },
  { name: "unknown path", path: "nowhere", status: 404, title: "Page not found" },
  { name: "unknown site", path: "", host: "nowhere.localhost", status: 404, title: "Unknown site" },
  { name: "no Frappe", path: "count", args: NO_FRAPPE, sid: "0123", status: 503, title: "Frappe does not answer" },
];

/** Goes to a place and waits until it is live, where it can be. Gives the answer's status. */
export async function visit(page: Page, server: Server, place: Place, quiet: string[]): Promise<number | undefined> {
  const url = new URL(place.path, server.url);
  if (place.host) url.hostname = place.host;
  if (place.sid) await page.context().addCookies([{ name: "sid", value: place.sid, url: url.origin }]);
  const response = await page.goto(url.href);
  if (isLive(place)) await expectLive(page);
  if (place.status >= 400) forgive(quiet, failedDocument(place.status));
  return response?.status();
}

/** Whether a place has a connection: where nobody is known there is none. */
export function isLive(place: Place): boolean {
  return !place.host && !place.args && !place.still;
}
