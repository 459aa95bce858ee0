/** Several values under a key. Most keys have one value, and one value needs no set. */

export class Multimap<K, V extends object> {
  readonly #byKey = new Map<K, V | Set<V>>()

  add(key: K, value: V): void {
    const there = this.#byKey.get(key)
    if (there === undefined) this.#byKey.set(key, value)
    else if (there instanceof Set) there.add(value)
    else if (there !== value) this.#byKey.set(key, new Set([there, value]))
  }

  remove(key: K, value: V): void {
    const there = this.#byKey.get(key)
    if (there === value) this.#byKey.delete(key)
    else if (there instanceof Set && there.delete(value) && there.size === 0) this.#byKey.delete(key)
  }

  /** A list of its own: it stays as it is while values come and go. */
  of(key: K): readonly V[] {
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

  /** All values under all keys. */
  get size(): number {
    let size = 0
    for (const there of this.#byKey.values()) size += there instanceof Set ? there.size : 1
    return size
  }
}
