/** Disk space that is kept for what must not fail for want of it: taking something back. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'

const SIZE = 8 * 1024 * 1024
const CHUNK = Buffer.alloc(256 * 1024)

export interface Reserve {
  /** False: the space was given up, or could not be had. */
  readonly held: boolean
  /** Takes the space, unless it is held. What it cannot have it leaves to others. */
  take(): void
  /** Gives the space up. False: there was none. */
  release(): boolean
}

/** `path: null` for a database in memory, which has no disk to fill. */
export const createReserve = (path: string | null): Reserve => {
  let held = path === null
  const isThere = (): boolean => {
    try {
      return statSync(path!).size === SIZE
    } catch {
      return false
    }
  }
  return {
    get held() {
      return held
    },
    take: () => {
      if (held) return
      held = isThere()
      if (held) return
      const half = `${path}.part`
      let file: number | null = null
      try {
        file = openSync(half, 'w', 0o600)
        try {
          // Written and not only made longer: a hole takes no space.
          for (let at = 0; at < SIZE; at += CHUNK.length) writeSync(file, CHUNK, 0, CHUNK.length, at)
          fsyncSync(file)
        } finally {
          closeSync(file)
        }
        renameSync(half, path!)
        held = true
      } catch {
        // What there was room for goes back to the others.
        if (file !== null) rmSync(half, { force: true })
      }
    },
    release: () => {
      if (!held || path === null) return false
      held = false
      rmSync(path, { force: true })
      return true
    },
  }
}
