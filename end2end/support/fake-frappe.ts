import { fileURLToPath } from "node:url";
import { Program } from "./program.ts";

const BINARY =
  process.env.FAKE_FRAPPE_BINARY ?? fileURLToPath(new URL("../../target/debug/fake-frappe", import.meta.url));

const ADDRESS = /at (http:\/\/127\.0\.0\.1:\d+)\/ \(site ([\w.]+)\)/;

/** The people of the captures, and their passwords. */
export const PASSWORDS = {
  "Administrator": "admin",
  "alice@example.com": "alice-pw-4711",
  "carol@example.com": "carol-pw-4711",
} as const;

/** Alice's token, as a native app would send it. */
export const TOKEN_OF_ALICE = "token alicekey000000a:alicesecret0000";

export type FrappeVersion = 14 | 15 | 16;

interface Facts {
  todo_of_alice: string;
  sids: Record<string, string>;
}

/** A Frappe that answers as real ones did, and changes its mind when it is told to. */
export class FakeFrappe {
  readonly #program: Program;
  readonly version: FrappeVersion;
  readonly url: string;
  /** The name of its site. */
  readonly site: string;

  private constructor(program: Program, version: FrappeVersion, url: string, site: string) {
    this.#program = program;
    this.version = version;
    this.url = url;
    this.site = site;
  }

  static async start(version: FrappeVersion): Promise<FakeFrappe> {
    const program = new Program(BINARY, ["--frappe-version", String(version), "--listen", "127.0.0.1:0"]);
    try {
      const [, url = "", site = ""] = await program.logMatches(ADDRESS);
      return new FakeFrappe(program, version, url, site);
    } catch (error) {
      await program.kill();
      throw error;
    }
  }

  /** What is known of it: names of documents, sessions. */
  async facts(): Promise<Facts> {
    const response = await fetch(`${this.url}/fake/facts`);
    return (await response.json()) as Facts;
  }

  /** Tells it to be or do something: an endpoint under `/fake/`. */
  async tell(what: string, body: unknown = {}): Promise<void> {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${this.url}/fake/${what}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`The fake Frappe answered ${what} with ${response.status}.`);
  }

  kill(): Promise<void> {
    return this.#program.kill();
  }
}
