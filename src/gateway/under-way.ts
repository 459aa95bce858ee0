/** The commands of one socket that answer later, and what follows their answers. */
import type { Command } from '../protocol/command.ts'

export class UnderWay {
  #count = 0
  /** Those that may have ended this very session: their answers still go out. */
  #lastWords = 0
  #next: (() => void) | null = null

  get isEmpty(): boolean {
    return this.#count === 0
  }

  get hasLastWords(): boolean {
    return this.#lastWords > 0
  }

  /** What a command wants done once the next answer has gone out. */
  afterAnswer(next: () => void): void {
    this.#next = next
  }

  /** A command has begun. The function that is given back is to be called when its answer was given out; it calls `answered`. */
  begin(command: Command, answered: () => void): () => void {
    const mayEndSelf = command.endsSelf === true
    this.#count++
    if (mayEndSelf) this.#lastWords++
    return () => {
      this.#count--
      const next = this.#next
      this.#next = null
      next?.()
      if (mayEndSelf) this.#lastWords--
      answered()
    }
  }
}
