/**
 * The data directory: made for its owner alone, with the pepper, the set-up code and the marker that tells a first run
 * from a lost database. Whatever does not fit together refuses to start, and nothing is put right in silence.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { newSetupCode } from './auth/secrets.ts'
import { StoreRefused } from './store/store.ts'

const PEPPER_BYTES = 32

/** Writes a file of mode 0600 whole or not at all; an existing one stays as it is. */
const writeNew = (path: string, bytes: Uint8Array): void => {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  const file = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(file, bytes)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    // Fails if the name is taken: of two processes the first one's bytes count.
    linkSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(temporary)
  }
}

const refuseIfOpen = (path: string): void => {
  const { mode } = statSync(path)
  if ((mode & 0o077) !== 0) {
    throw new StoreRefused(
      `${path} can be read by others; set its mode to ${statSync(path).isDirectory() ? '0700' : '0600'}`,
    )
  }
}

export class DataDir {
  readonly path: string
  readonly #setupCode: string
  readonly #marker: string
  readonly pepperFile: string
  readonly database: string
  /** Where a node of this directory listens for its operator. */
  readonly control: string

  private constructor(path: string) {
    this.path = resolve(path)
    this.database = join(this.path, 'latchkey.db')
    this.control = join(this.path, 'control.sock')
    this.pepperFile = join(this.path, 'pepper')
    this.#marker = join(this.path, 'marker')
    this.#setupCode = join(this.path, 'setup-code')
  }

  /** Names a directory's files, and touches nothing. */
  static at(path: string): DataDir {
    return new DataDir(path)
  }

  /** Makes the directory if it is not there. Throws `StoreRefused` with one line where it cannot be used. */
  static open(path: string): DataDir {
    const dir = new DataDir(path)
    try {
      mkdirSync(dir.path, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw new StoreRefused(
        `${dir.path} cannot be made (${(error as NodeJS.ErrnoException).code}); choose another --data-dir`,
      )
    }
    refuseIfOpen(dir.path)
    return dir
  }

  /** The log id of the database that belongs here; null on a first run. */
  marker(): string | null {
    if (!existsSync(this.#marker)) return null
    const state = !existsSync(this.database) ? 'gone' : statSync(this.database).size === 0 ? 'empty' : 'there'
    if (state !== 'there') {
      throw new StoreRefused(
        `${this.database} is ${state}, but ${this.#marker} says that a database was here; put a backup in its place`,
      )
    }
    return readFileSync(this.#marker, 'utf8').trim()
  }

  writeMarker(logId: string): void {
    writeNew(this.#marker, Buffer.from(`${logId}\n`))
  }

  /** The pepper; made at the first start, never again. */
  pepper(): Uint8Array {
    if (!existsSync(this.pepperFile)) {
      if (existsSync(this.database)) {
        throw new StoreRefused(
          `${this.pepperFile} is gone, but ${this.database} is there; put the pepper back that was used with it`,
        )
      }
      writeNew(this.pepperFile, randomBytes(PEPPER_BYTES))
    }
    refuseIfOpen(this.pepperFile)
    const pepper = readFileSync(this.pepperFile)
    if (pepper.length !== PEPPER_BYTES || pepper.every((byte) => byte === pepper[0])) {
      throw new StoreRefused(
        `${this.pepperFile} does not hold ${PEPPER_BYTES} random bytes; put the pepper back that was used before`,
      )
    }
    return pepper
  }

  /** Makes an empty database file that only its owner can read: SQLite gives its side files the same mode. */
  prepareDatabase(): void {
    if (!existsSync(this.database)) closeSync(openSync(this.database, 'a', 0o600))
    refuseIfOpen(this.database)
  }

  /** The code with which somebody elsewhere may make the owner; the same until it is used. */
  setupCode(): string {
    if (!existsSync(this.#setupCode)) writeNew(this.#setupCode, Buffer.from(`${newSetupCode()}\n`))
    refuseIfOpen(this.#setupCode)
    return readFileSync(this.#setupCode, 'utf8').trim()
  }

  dropSetupCode(): void {
    rmSync(this.#setupCode, { force: true })
  }
}
