/** Password hashes: argon2id (RFC 9106) in a bounded queue, so that a flood of logins is refused and not awaited. */
import { availableParallelism } from 'node:os'

export interface HashingOptions {
  /** KiB. */
  readonly memoryKib: number
  readonly time: number
  readonly parallelism: number
  /** How many hashes are computed at once. */
  readonly concurrency: number
  /** How many may wait; more are refused with `Overloaded`. */
  readonly queue: number
}

/** Half of the processors: hashing must not take the sockets' time. */
export const autoConcurrency = (): number => Math.max(1, Math.floor(availableParallelism() / 2))

/** Too many wait already; come again after `retryAfterMs`. */
export class Overloaded extends Error {
  override readonly name = 'Overloaded'
  readonly retryAfterMs: number

  constructor(retryAfterMs: number) {
    super('too many password checks are waiting')
    this.retryAfterMs = retryAfterMs
  }
}

/** The two libraries give the same hashes; the prebuilt one is about three times faster and is not there on every platform. */
interface Argon2 {
  hash(password: string, options: HashingOptions): Promise<string>
  verify(hash: string, password: string): Promise<boolean>
}

const loadArgon2 = async (): Promise<Argon2> => {
  try {
    const fast = await import('@node-rs/argon2')
    return {
      hash: (password, { memoryKib, time, parallelism }) =>
        fast.hash(password, { memoryCost: memoryKib, timeCost: time, parallelism }),
      verify: (hash, password) => fast.verify(hash, password),
    }
  } catch {
    const { default: argon2 } = await import('argon2')
    return {
      hash: (password, { memoryKib, time, parallelism }) =>
        argon2.hash(password, { type: argon2.argon2id, memoryCost: memoryKib, timeCost: time, parallelism }),
      verify: (hash, password) => argon2.verify(hash, password),
    }
  }
}

/** `$argon2id$v=19$m=19456,t=2,p=1$…` */
const PARAMETERS = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/

export class PasswordHasher {
  readonly #argon2: Argon2
  readonly #options: HashingOptions
  /** A hash of nothing that anybody knows: what an unknown user's password is compared with. */
  readonly #dummy: string
  readonly #waiting: (() => void)[] = []
  #running = 0

  private constructor(argon2: Argon2, options: HashingOptions, dummy: string) {
    this.#argon2 = argon2
    this.#options = options
    this.#dummy = dummy
  }

  static async create(options: HashingOptions): Promise<PasswordHasher> {
    const argon2 = await loadArgon2()
    const dummy = await argon2.hash(crypto.randomUUID(), options)
    return new PasswordHasher(argon2, options, dummy)
  }

  /** Calls that wait for their turn. */
  get queued(): number {
    return this.#waiting.length
  }

  hash(password: string): Promise<string> {
    return this.#turn(() => this.#argon2.hash(password, this.#options))
  }

  /** `hash: null` stands for an unknown user: the same work is done, and the answer is no. */
  async verify(hash: string | null, password: string): Promise<boolean> {
    const good = await this.#turn(() => this.#argon2.verify(hash ?? this.#dummy, password))
    return good && hash !== null
  }

  /** True if a hash was made with other parameters than today's. */
  isOutdated(hash: string): boolean {
    const [, memory, time, parallelism] = PARAMETERS.exec(hash) ?? []
    const { memoryKib, time: wanted, parallelism: lanes } = this.#options
    return Number(memory) !== memoryKib || Number(time) !== wanted || Number(parallelism) !== lanes
  }

  async #turn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#options.concurrency) {
      if (this.#waiting.length >= this.#options.queue) throw new Overloaded(2000)
      // Whoever is done hands its place over, so that nobody slips in between.
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else {
      this.#running++
    }
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
