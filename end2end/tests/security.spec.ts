import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { expect, FAILED_SOCKET, forgive, test } from "../support/fixtures.ts";
import { publishCounts } from "../support/frappe.ts";
import { count, expectLive, recordFrames } from "../support/page.ts";
import { PLACES, visit } from "../support/pages.ts";
import type { Server } from "../support/server.ts";

const SUBPROTOCOL = "frappe-live.v1";

for (const place of PLACES) {
  test(`${place.name}: a policy with a nonce that is new each time, and nothing that breaks it`, async ({
    page,
    startServer,
    quiet,
  }) => {
    const server = await startServer(...(place.args ?? []));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (violation) => {
        console.error(`${violation.violatedDirective} does not allow ${violation.blockedURI}`);
      });
    });
    const policies: string[] = [];
    page.on("response", (response) => {
      const policy = response.headers()["content-security-policy"];
      if (response.request().isNavigationRequest()) policies.push(policy ?? "none");
    });
    await visit(page, server, place, quiet);
    await visit(page, server, place, quiet);

    const nonces = policies.map((policy) => policy.match(/script-src 'nonce-([\w+/=-]{20,})' 'strict-dynamic'/)?.[1]);
    expect(nonces).toEqual([expect.any(String), expect.any(String)]);
    expect(new Set(nonces).size).toBe(2);
    for (const policy of policies) {
      expect(policy).toContain("default-src 'self'");
      expect(policy).toContain("object-src 'none'");
      expect(policy).toContain("base-uri 'none'");
      expect(policy).not.toContain("unsafe-inline");
      expect(policy).not.toMatch(/'unsafe-eval'/);
    }
  });
}

test("a script that a page did not bring does not run", async ({ page, server, quiet }) => {
  await page.goto(`${server.url}count`);
  await expectLive(page);
  const ran = await page.evaluate(() => {
    document.body.insertAdjacentHTML("beforeend", `<img src="data:," onerror="window.injected = true">`);
    const script = document.createElement("script");
    script.setAttribute("src", "data:text/javascript,window.injected = true");
    document.body.innerHTML += script.outerHTML;
    return "injected" in window;
  });
  expect(ran).toBe(false);
  await expect.poll(() => forgive(quiet, /inline event handler/).length).toBeGreaterThan(0);
  expect(await page.evaluate(() => "injected" in window)).toBe(false);
});

test("only the own origin may open a socket, or post", async ({ server }) => {
  const own = new URL(server.url).origin;
  const port = `:${server.port}`;
  expect(await handshake(server, { origin: own })).toBe(101);
  expect(await handshake(server, {})).toBe(101);
  for (const origin of [
    "https://evil.example",
    own.replace(port, `:${server.port === 1 ? 2 : 1}`),
    own.replace("127.0.0.1", "127.0.0.1.evil.example"),
    "null",
  ]) {
    expect(await handshake(server, { origin }), origin).toBe(403);
    expect(await signIn(server, { origin }), origin).toBe(403);
  }
  expect(await signIn(server, { origin: own })).toBe(303);
});

test("a foreign page's socket is refused", async ({ page, server, quiet }) => {
  await using foreign = await foreignSite();
  await page.goto(foreign.url);
  const code = await page.evaluate(
    ([url, subprotocol]) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, subprotocol);
        socket.onopen = () => resolve("opened");
        socket.onclose = ({ code }) => resolve(code);
      }),
    [socketUrl(server), SUBPROTOCOL] as const,
  );
  expect(code).toBe(1006);
  expect(forgive(quiet, FAILED_SOCKET).join()).toContain("Unexpected response code: 403");
});

test.describe("a bad frame ends or answers its own socket only", () => {
  const LIMIT = 65_536;
  /** A browser waits two seconds for a server that has said its last words and does not hang up. */
  const HANG_UP_LIMIT_MS = 1_000;

  interface Misdeed {
    send: string | { bytes: number } | { letters: number };
    times?: number;
    /** The code that the server closes with; without one the socket stays. */
    close?: number;
    /** The code of the answer before that. */
    answer: string;
  }

  const MISDEEDS: Record<string, Misdeed> = {
    "garbage": { send: "garbage", answer: "not_json" },
    "no object": { send: "[]", answer: "bad_frame" },
    "an unknown type": { send: '{"type":"dance"}', answer: "unknown_frame" },
    "a room of somebody else": { send: '{"type":"join","ref":1,"room":"user:jane@example.com"}', answer: "not_yours" },
    "much garbage": { send: "garbage", times: 500, answer: "too_many_errors", close: 4005 },
    "bytes": { send: { bytes: 10 }, answer: "not_text", close: 1003 },
    "a frame over the limit": { send: { letters: 70 * 1024 }, answer: "frame_too_large", close: 1009 },
    "a frame at the limit": { send: { letters: LIMIT }, answer: "not_json" },
  };

  for (const [name, misdeed] of Object.entries(MISDEEDS)) {
    test(name, async ({ page, redis, redisServer }) => {
      const frames = recordFrames(page);
      await page.goto(`${redisServer.url}count`);
      await expectLive(page);

      const { answers, close, hangUpMs } = await misbehave(page, redisServer, misdeed.send, misdeed.times ?? 1);
      expect(answers.at(-1)).toBe(misdeed.answer);
      expect(close).toBe(misdeed.close ?? "stays");

      await expectLive(page);
      await publishCounts(redis, [1]);
      await expect(count(page)).toHaveText("1");
      expect(frames.filter(({ type }) => type === "joined")).toHaveLength(1);
      expect(hangUpMs).toBeLessThan(HANG_UP_LIMIT_MS);
    });
  }

  interface Outcome {
    /** The codes of the answers. */
    answers: string[];
    close: number | "stays";
    /** From the last answer to the close. */
    hangUpMs: number;
  }

  /** Opens a socket from the page beside its own, and sends. */
  function misbehave(page: Page, server: Server, send: Misdeed["send"], times: number): Promise<Outcome> {
    return page.evaluate(
      ([url, subprotocol, send, times]) =>
        new Promise((resolve) => {
          const answers: string[] = [];
          let answeredAt = 0;
          const socket = new WebSocket(url, subprotocol);
          socket.onopen = () => {
            for (let time = 0; time < times; time++) {
              if (typeof send === "string") socket.send(send);
              else if ("bytes" in send) socket.send(new Uint8Array(send.bytes));
              else socket.send("x".repeat(send.letters));
            }
            // What is answered to this is answered after all that was before.
            socket.send('{"type":"ping","ref":99}');
          };
          socket.onmessage = ({ data }) => {
            const { ref, code } = JSON.parse(data);
            answeredAt = performance.now();
            if (code) answers.push(code);
            if (ref === 99) resolve({ answers, close: "stays", hangUpMs: 0 });
          };
          socket.onclose = ({ code }) => {
            resolve({ answers, close: code, hangUpMs: performance.now() - answeredAt });
          };
        }),
      [socketUrl(server), SUBPROTOCOL, send, times] as const,
    );
  }
});

function socketUrl(server: Server): string {
  return `${server.url.replace("http", "ws")}ws`;
}

/** The status of a WebSocket handshake with these headers. */
async function handshake(server: Server, headers: Record<string, string>): Promise<number | undefined> {
  const asked = request(`${server.url}ws`, {
    headers: {
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": randomBytes(16).toString("base64"),
      "sec-websocket-protocol": SUBPROTOCOL,
      ...headers,
    },
  });
  asked.end();
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.on("response", resolve).on("upgrade", resolve).on("error", reject);
  });
  const { statusCode } = await answered;
  asked.destroy();
  return statusCode;
}

/** The status of the demo's form, posted with these headers. */
async function signIn(server: Server, headers: Record<string, string>): Promise<number | undefined> {
  const asked = request(`${server.url}api/sign_in_as`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
  });
  asked.end("user=Guest");
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

/** A page of another origin. */
async function foreignSite(): Promise<AsyncDisposable & { url: string }> {
  const site = createServer((_, response) => {
    response.setHeader("content-type", "text/html").end(`<!DOCTYPE html><link rel="icon" href="data:,"><p>Foreign`);
  });
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  return {
    url: `http://127.0.0.1:${(site.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => {
      site.closeAllConnections();
      site.close();
      await once(site, "close");
    },
  };
}
