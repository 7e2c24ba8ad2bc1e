import { test as base, expect, type BrowserContext } from "@playwright/test";
import { Redis } from "./redis.ts";
import { Server } from "./server.ts";

interface Fixtures {
  /** A Redis of this test alone. */
  redis: Redis;
  /** Starts a server with these arguments. It ends with the test. */
  startServer: (...args: readonly string[]) => Promise<Server>;
  /** A server as it is without any argument: the demo, which counts by itself. */
  server: Server;
  /** A server on this test's Redis. Nothing is published there but by the test. */
  redisServer: Server;
  /**
   * The errors and warnings of all pages of this test so far. Every test fails that leaves one in it: a test that
   * expects some takes them out, with {@link forgive}.
   */
  quiet: string[];
}

/** Playwright's `test` with what our tests need. */
export const test = base.extend<Fixtures>({
  redis: async ({}, use) => {
    const redis = await Redis.start();
    await use(redis);
    await redis.discard();
  },

  startServer: async ({}, use, testInfo) => {
    const servers: Server[] = [];
    await use(async (...args) => {
      const server = await Server.start(...args);
      servers.push(server);
      return server;
    });
    for (const server of servers) {
      if (testInfo.status !== testInfo.expectedStatus) {
        await testInfo.attach(`log of ${server.url}`, { body: server.log, contentType: "text/plain" });
      }
      await server.stop();
    }
  },

  server: async ({ startServer }, use) => {
    await use(await startServer());
  },

  redisServer: async ({ redis, startServer }, use) => {
    const server = await startServer("--redis", redis.url);
    await server.isSubscribed();
    await use(server);
  },

  quiet: [
    // It needs `startServer` so that it looks before the servers end, which their pages would complain of.
    async ({ context, startServer: _ }, use) => {
      const complaints = complaintsOf(context);
      await use(complaints);
      expect(complaints, "errors and warnings of the pages").toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Collects what the pages of a context complain of, for a test that opens a context of its own. */
export function complaintsOf(context: BrowserContext): string[] {
  const complaints: string[] = [];
  context.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  context.on("weberror", (webError) => {
    const error = webError.error();
    complaints.push(`uncaught: ${error.stack ?? error.message}`);
  });
  return complaints;
}

/** What Chromium itself says when a WebSocket cannot be opened, or a poll in its place is not answered. */
export const FAILED_SOCKET =
  /^error: (WebSocket connection to 'ws:[^']*' failed|Failed to load resource: net::ERR_\w+ \(\S*\/live\/poll\))/;

/** What Chromium itself says of a document with this status. */
export function failedDocument(status: number): RegExp {
  return new RegExp(`^error: Failed to load resource: the server responded with a status of ${status} `);
}

/** Takes out the complaints that a test expects, and gives them. */
export function forgive(complaints: string[], expected: RegExp): string[] {
  const [forgiven, others] = [[] as string[], [] as string[]];
  for (const complaint of complaints) (expected.test(complaint) ? forgiven : others).push(complaint);
  complaints.splice(0, complaints.length, ...others);
  return forgiven;
}
