/** Messages that wait on a socket while its rights are being looked up. */

const MAX_MESSAGES = 64
const MAX_BYTES = 128 * 1024

export class Inbox {
  #texts: string[] = []
  #bytes = 0

  /** False: more waits than may. */
  add(text: string): boolean {
    this.#texts.push(text)
    this.#bytes += text.length
    return this.#texts.length <= MAX_MESSAGES && this.#bytes <= MAX_BYTES
  }

  /** All, in their order; none are left. */
  take(): readonly string[] {
    const texts = this.#texts
    this.#texts = []
    this.#bytes = 0
    return texts
  }
}
