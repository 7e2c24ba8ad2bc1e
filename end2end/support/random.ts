/** Random numbers that come again with the same seed, which the environment can give. */
export class Random {
  readonly seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  #state = this.seed;

  /** A whole number from 0 to `end - 1`. */
  below(end: number): number {
    // mulberry32 (Tommy Ettinger, 2017): schedules need no better.
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  }
}
