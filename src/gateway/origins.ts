/** Whose page is asking: which hosts are this server's own, and which origins a browser may come from. */
import { LRUCache } from 'lru-cache'
import { isAddress, isLoopback } from '../auth/address.ts'
import type { Caller } from './proxies.ts'

export interface OriginOptions {
  /** The server's public origin; null if it was not said. */
  readonly externalUrl: string | null
  readonly allowedOrigins: readonly string[]
  /** Host values that are this server's, besides those that are anyway. */
  readonly trustedHosts: readonly string[]
  /** True if the server listens on a loopback address: every spelling of it is then the same. */
  readonly onLoopback: boolean
}

export interface Origins {
  /** True for a page of this server itself, or of an allowed origin; and where no browser is asking. */
  isOwn(origin: string | undefined, caller: Pick<Caller, 'scheme' | 'host'>): boolean
  /** True for an origin that may read answers: the configured ones, as exact text. */
  isAllowed(origin: string): boolean
}

/** Answers that are kept. */
const JUDGED = 1000

const bare = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1')

/** True for `localhost` and loopback addresses, with or without a port. */
export const isLoopbackHost = (host: string): boolean => {
  if (!URL.canParse(`http://${host}`)) return false
  // The text and not what URL makes of it: `2130706433` is no spelling of a loopback address here.
  const name = bare(host.replace(/:\d*$/, '').toLowerCase())
  return name === 'localhost' || isLoopback(name)
}

export const createOrigins = (options: OriginOptions): Origins => {
  const { externalUrl, allowedOrigins, trustedHosts, onLoopback } = options
  const allowed = new Set(externalUrl === null ? allowedOrigins : [externalUrl, ...allowedOrigins])
  const hosts = new Set(externalUrl === null ? trustedHosts : [new URL(externalUrl).host, ...trustedHosts])

  /** A name that anybody can point at this server is not its own: a page there would be of the same origin (DNS rebinding). */
  const isOwnHost = ({ host, hostname }: URL): boolean =>
    hosts.has(host) || hostname === 'localhost' || isAddress(bare(hostname))

  const judge = (origin: string, scheme: string, host: string): boolean => {
    if (!URL.canParse(origin) || !URL.canParse(`${scheme}://${host}`)) return false
    const page = new URL(origin)
    const self = new URL(`${scheme}://${host}`)
    // Browsers write an origin in one way only.
    if (page.origin !== origin || !isOwnHost(self)) return false
    if (page.origin === self.origin) return true
    const sameDoor = page.protocol === self.protocol && page.port === self.port
    return onLoopback && sameDoor && isLoopbackHost(page.host) && isLoopbackHost(self.host)
  }

  /** Every socket asks, and the questions are few. */
  const judged = new LRUCache<string, boolean>({
    max: JUDGED,
    maxEntrySize: 512,
    maxSize: JUDGED * 512,
    sizeCalculation: (_, key) => key.length,
  })

  return {
    isOwn: (origin, { scheme, host }) => {
      if (origin === undefined || allowed.has(origin)) return true
      const question = `${scheme} ${host} ${origin}`
      const known = judged.get(question)
      if (known !== undefined) return known
      const isOwn = judge(origin, scheme, host)
      judged.set(question, isOwn)
      return isOwn
    },
    isAllowed: (origin) => allowed.has(origin),
  }
}
