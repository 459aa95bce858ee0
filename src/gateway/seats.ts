/** Who sits under which key. Most keys have one seat, and one seat needs no set. */

export class Seats<K, S extends object> {
  readonly #byKey = new Map<K, S | Set<S>>()

  add(key: K, seat: S): void {
    const there = this.#byKey.get(key)
    if (there === undefined) this.#byKey.set(key, seat)
    else if (there instanceof Set) there.add(seat)
    else if (there !== seat) this.#byKey.set(key, new Set([there, seat]))
  }

  remove(key: K, seat: S): void {
    const there = this.#byKey.get(key)
    if (there === seat) this.#byKey.delete(key)
    else if (there instanceof Set && there.delete(seat) && there.size === 0) this.#byKey.delete(key)
  }

  /** A list of its own: it stays as it is while seats come and go. */
  of(key: K): readonly S[] {
    const there = this.#byKey.get(key)
    if (there === undefined) return []
    return there instanceof Set ? [...there] : [there]
  }

  count(key: K): number {
    const there = this.#byKey.get(key)
    if (there === undefined) return 0
    return there instanceof Set ? there.size : 1
  }

  keys(): readonly K[] {
    return [...this.#byKey.keys()]
  }

  /** All seats under all keys. */
  get size(): number {
    let size = 0
    for (const there of this.#byKey.values()) size += there instanceof Set ? there.size : 1
    return size
  }
}
