/** Messages that wait on a socket while its rights are being looked up. */

const MAX_MESSAGES = 64
const MAX_BYTES = 128 * 1024

export class Inbox {
  /** In their order. */
  readonly texts: string[] = []
  #bytes = 0

  /** False: more waits than may. */
  add(text: string): boolean {
    this.texts.push(text)
    this.#bytes += text.length
    return this.texts.length <= MAX_MESSAGES && this.#bytes <= MAX_BYTES
  }
}
