import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "./program.ts";

const HOST = "127.0.0.1";
const ANSWER_LIMIT_MS = 5_000;
const START_TRIES = 5;
/** Below the ports that systems give to outgoing connections (from 32768 on Linux), which come and go all the time. */
const PORTS = { from: 12_000, to: 32_000 };

/** A word of a command: text, or bytes that need not be any. */
type Word = string | Uint8Array;

/** A real Redis of a test, on a port of its own, keeping nothing. */
export class Redis {
  #program: Program;
  readonly #folder: string;
  readonly port: number;

  private constructor(program: Program, folder: string, port: number) {
    this.#program = program;
    this.#folder = folder;
    this.port = port;
  }

  static async start(): Promise<Redis> {
    const folder = await mkdtemp(join(tmpdir(), "frappe-live-redis-"));
    for (let tries = 1; ; tries += 1) {
      const port = await freePort();
      const redis = new Redis(launch(port, folder), folder, port);
      try {
        await redis.#isReady();
        return redis;
      } catch (error) {
        // Whatever else runs on the machine may have taken the port in the meantime.
        if (tries === START_TRIES || !redis.log.includes("Address already in use")) throw error;
      }
    }
  }

  get url(): string {
    return `redis://${HOST}:${this.port}`;
  }

  /** What it has logged so far. */
  get log(): string {
    return this.#program.log;
  }

  /** Publishes a payload and says how many subscribers it went to. */
  async publish(channel: string, payload: Word): Promise<number> {
    return Number(await this.command("PUBLISH", channel, payload));
  }

  /** Publishes payloads in this order and as fast as Redis takes them. */
  async publishAll(channel: string, payloads: readonly Word[]): Promise<void> {
    await this.#commands(payloads.map((payload) => ["PUBLISH", channel, payload]));
  }

  /** Sends one command and gives the one line of its answer: a status, or a number. */
  async command(...words: readonly Word[]): Promise<string> {
    const [answer = ""] = await this.#commands([words]);
    return answer;
  }

  /** Sends commands all at once and gives their answers, a line each. */
  async #commands(commands: readonly (readonly Word[])[]): Promise<string[]> {
    const socket = connect(this.port, HOST);
    const deadline = AbortSignal.timeout(ANSWER_LIMIT_MS);
    try {
      await once(socket, "connect", { signal: deadline });
      socket.setEncoding("utf8").write(Buffer.concat(commands.map(encode)));
      let answers = "";
      while (answers.split("\r\n").length <= commands.length) {
        const [text] = await once(socket, "data", { signal: deadline });
        answers += text;
      }
      const lines = answers.split("\r\n");
      return commands.map((words, index) => decode(lines[index] ?? "", words));
    } finally {
      socket.destroy();
    }
  }

  /** Starts it again on the same port after `stop()` or `kill()`. */
  async startAgain(): Promise<void> {
    this.#program = launch(this.port, this.#folder);
    await this.#isReady();
  }

  /** Asks it to stop and waits until it has. */
  stop(): Promise<void> {
    return this.#program.stop();
  }

  /** Ends it as a crash would. */
  kill(): Promise<void> {
    return this.#program.kill();
  }

  /** Ends it for good and removes its folder. */
  async discard(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true });
  }

  async #isReady(): Promise<void> {
    try {
      await this.#program.logMatches(/Ready to accept connections/);
      const answer = await this.command("PING");
      if (answer !== "PONG") throw new Error(`Redis answered PING with ${answer}`);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }
}

function launch(port: number, folder: string): Program {
  const settings = ["--bind", HOST, "--port", String(port), "--dir", folder, "--save", "", "--appendonly", "no"];
  return new Program("redis-server", settings);
}

/** A port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const probe = createServer().listen(randomInt(PORTS.from, PORTS.to), HOST);
    try {
      await once(probe, "listening");
      return (probe.address() as AddressInfo).port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    } finally {
      await new Promise((closed) => probe.close(closed));
    }
  }
}

/** A command in Redis' protocol: an array of strings, each with its length in bytes. */
function encode(words: readonly Word[]): Uint8Array {
  const parts = words.map((word) => [`\r\n$${Buffer.byteLength(word)}\r\n`, word]);
  const pieces = [`*${words.length}`, ...parts.flat(), "\r\n"];
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
}

function decode(line: string, words: readonly Word[]): string {
  const [kind, value] = [line.slice(0, 1), line.slice(1)];
  if (kind === "+" || kind === ":") return value;
  throw new Error(`Redis answered ${words[0]} with ${line}`);
}
