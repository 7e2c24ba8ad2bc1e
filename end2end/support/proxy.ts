import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server as TcpServer, type Socket } from "node:net";

const HOST = "127.0.0.1";
const HANDSHAKE = /^GET \/live\/ws[ ?]/;

/** What a proxy does with WebSockets: carries them, refuses them, or cuts each after so many milliseconds. */
export type WebSockets = "carried" | "refused" | { cutAfter: number };

/** A proxy between browser and servers, as badly behaved as a test wants it. */
export class Proxy {
  readonly #listener: TcpServer;
  readonly #pairs = new Set<[Socket, Socket]>();
  #port: number;
  /** What happens to WebSockets that are opened from now on. */
  webSockets: WebSockets = "carried";
  /** How many WebSockets were asked for. */
  handshakes = 0;

  private constructor(listener: TcpServer, upstream: number) {
    this.#listener = listener;
    this.#port = upstream;
    listener.on("connection", (socket) => this.#take(socket));
  }

  /** Starts one in front of a server on this port. */
  static async start(upstream: number): Promise<Proxy> {
    const listener = createServer().listen(0, HOST);
    await once(listener, "listening");
    return new Proxy(listener, upstream);
  }

  /** Where its pages are. */
  get url(): string {
    return `http://${HOST}:${(this.#listener.address() as AddressInfo).port}/live/`;
  }

  /** From now on another server answers. Lines that stand stay where they are. */
  leadTo(upstream: number): void {
    this.#port = upstream;
  }

  /** Cuts every line. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  async discard(): Promise<void> {
    this.#listener.close();
    this.cut();
    await once(this.#listener, "close");
  }

  #take(client: Socket): void {
    client.once("data", (first) => {
      const isHandshake = HANDSHAKE.test(first.toString("latin1"));
      if (isHandshake) this.handshakes += 1;
      if (isHandshake && this.webSockets === "refused") {
        client.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return;
      }
      const server = connect(this.#port, HOST);
      const pair: [Socket, Socket] = [client, server];
      this.#pairs.add(pair);
      if (isHandshake && typeof this.webSockets === "object") {
        setTimeout(() => pair.forEach((socket) => socket.destroy()), this.webSockets.cutAfter);
      }
      server.write(first);
      client.pipe(server).pipe(client);
      for (const socket of pair) {
        socket.on("error", () => socket.destroy());
        socket.on("close", () => {
          this.#pairs.delete(pair);
          pair.forEach((other) => other.destroy());
        });
      }
    });
    // A line that breaks is what this is for.
    client.on("error", () => client.destroy());
  }
}
