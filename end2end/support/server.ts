import { execFile } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Program } from "./program.ts";

/** The release, unless the environment names another one. */
const BINARY =
  process.env.FRAPPE_LIVE_BINARY ?? fileURLToPath(new URL("../../target/release/frappe-live", import.meta.url));

/** How long an event may take from Redis to the server, and how often we look. */
const ARRIVAL_LIMIT_MS = 10_000;
const LOOK_EVERY_MS = 5;

const ADDRESS = /http:\/\/127\.0\.0\.1:(\d+)\/live\//;

/** Runs one of the binary's commands to its end and gives what it wrote. A failure is an error with its words. */
export async function runCommand(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(BINARY, args);
  return stdout;
}

/** A frappe-live server of a test. */
export class Server {
  readonly #program: Program;
  /** Where its pages are: `http://127.0.0.1:PORT/live/`. */
  readonly url: string;
  readonly port: number;

  private constructor(program: Program, url: string, port: number) {
    this.#program = program;
    this.url = url;
    this.port = port;
  }

  /** Starts a server with these arguments, on a port of its own unless they hold `--listen`. */
  static async start(...args: readonly string[]): Promise<Server> {
    const listen = args.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
    const program = new Program(BINARY, [...listen, ...args]);
    try {
      const [url, port] = await program.logMatches(ADDRESS);
      return new Server(program, url, Number(port));
    } catch (error) {
      await program.kill();
      throw error;
    }
  }

  /** What it has logged so far. */
  get log(): string {
    return this.#program.log;
  }

  /** Waits until what is published on its Redis arrives. */
  async isSubscribed(): Promise<void> {
    await this.logMatches(/Subscribed to the channel events/);
  }

  /** Waits until it has accepted this many events since it started: Redis answers before the server has read them. */
  async hasAccepted(events: number): Promise<void> {
    const deadline = Date.now() + ARRIVAL_LIMIT_MS;
    for (;;) {
      const response = await fetch(`${this.url}readyz`);
      const { accepted } = ((await response.json()) as { events: { accepted: number } }).events;
      if (accepted >= events) return;
      if (Date.now() > deadline) throw new Error(`${accepted} of ${events} events arrived. Log:\n${this.log}`);
      await wait(LOOK_EVERY_MS);
    }
  }

  /** Waits for a match in its log. */
  logMatches(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.#program.logMatches(pattern);
  }

  /** Asks it to stop and waits until it has. */
  stop(): Promise<void> {
    return this.#program.stop();
  }

  /** Ends it as a crash would. */
  kill(): Promise<void> {
    return this.#program.kill();
  }
}
