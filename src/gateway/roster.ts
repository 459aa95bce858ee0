/**
 * Members that come and go in any order: a list in which each knows its place. A `Set` is made anew each time that it is full
 * of what has left; once one of them is old, V8 keeps all that stood in it and in its successors until the next full
 * collection, and sockets that live for milliseconds are moved about as if they had lived for minutes.
 */

export interface Listed {
  /** Its place in the roster that it is in; the roster's own. */
  place: number
}

export class Roster<M extends Listed> {
  readonly #members: M[] = []

  get size(): number {
    return this.#members.length
  }

  get first(): M | undefined {
    return this.#members[0]
  }

  /** Of one that is not in it. */
  add(member: M): void {
    member.place = this.#members.push(member) - 1
  }

  /** Of one that is in it. The last takes its place. */
  remove(member: M): void {
    const last = this.#members.pop()!
    if (last === member) return
    this.#members[member.place] = last
    last.place = member.place
  }

  /** A list of its own: it stays as it is while members come and go. */
  all(): readonly M[] {
    return [...this.#members]
  }
}
