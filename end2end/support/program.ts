import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";

/** How long a program may take to be ready, and to stop when it is asked to. */
const READY_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 10_000;

/** A program that a test started: its log, and its end. */
export class Program {
  readonly #path: string;
  readonly #child: ChildProcess;
  /** Emits `news` at each addition to the log and at the end. */
  readonly #watch = new EventEmitter();
  #log = "";
  #hasEnded = false;

  constructor(path: string, args: readonly string[]) {
    this.#path = path;
    this.#child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.#add(text));
    }
    this.#child.on("error", (error) => this.#add(`${error.message}\n`));
    // `close` comes after the last of the log, and also for a program that could not be started.
    this.#child.on("close", () => {
      this.#hasEnded = true;
      this.#watch.emit("news");
    });
  }

  /** What the program has written so far. */
  get log(): string {
    return this.#log;
  }

  /** Waits for a match in the log. Fails, showing the log, when the program ends or the time is up before. */
  async logMatches(pattern: RegExp, limit = READY_LIMIT_MS): Promise<RegExpMatchArray> {
    const deadline = AbortSignal.timeout(limit);
    for (;;) {
      const match = this.#log.match(pattern);
      if (match) return match;
      if (this.#hasEnded) throw this.#failure(`ended before it wrote ${pattern}`);
      await this.#news(deadline, `did not write ${pattern} within ${limit} ms`);
    }
  }

  /** Asks the program to stop and waits until it has. One that does not is killed, and that is an error. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    try {
      await this.#end(STOP_LIMIT_MS, `did not stop within ${STOP_LIMIT_MS} ms of being asked to`);
    } finally {
      await this.kill();
    }
  }

  /** Ends the program at once, as a crash would, and waits until it has ended. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#end(STOP_LIMIT_MS, "could not be killed");
  }

  async #end(limit: number, otherwise: string): Promise<void> {
    const deadline = AbortSignal.timeout(limit);
    while (!this.#hasEnded) await this.#news(deadline, otherwise);
  }

  async #news(deadline: AbortSignal, otherwise: string): Promise<void> {
    try {
      await once(this.#watch, "news", { signal: deadline });
    } catch {
      throw this.#failure(otherwise);
    }
  }

  #add(text: string): void {
    this.#log += text;
    this.#watch.emit("news");
  }

  #failure(what: string): Error {
    return new Error(`${this.#path} ${what}. Its log:\n${this.#log || "(empty)"}`);
  }
}
