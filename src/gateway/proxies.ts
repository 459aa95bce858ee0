/** Who is asking when a proxy stands between: `X-Forwarded-For` is believed from trusted proxies and refused from anybody else. */
import { canonicalAddress, inRanges, isAddress } from '../auth/address.ts'

/** Who is asking. */
export interface Caller {
  /** The client's address, as far as trusted proxies vouch for it. */
  readonly address: string
  /** True if the peer itself is a trusted proxy. */
  readonly viaProxy: boolean
  /** `http` or `https`, as the client spoke it. */
  readonly scheme: string
  /** The Host that the client asked for; empty if it named none. Anybody can say anything here. */
  readonly host: string
}

/** Null where there are forwarding headers that are not to be believed. */
export type Resolve = (peer: string, header: (name: string) => string | undefined) => Caller | null

/** `trusted`: CIDRs and addresses of proxies. `spoken`: what this server's own listener speaks. */
export const createResolve = (trusted: readonly string[], spoken: 'http' | 'https'): Resolve => {
  const isTrusted = inRanges(trusted)

  return (peer, header) => {
    const viaProxy = trusted.length > 0 && isAddress(peer) && isTrusted(peer)
    const forwarded = header('x-forwarded-for')
    if (forwarded === undefined) return { address: peer, viaProxy, scheme: spoken, host: header('host') ?? '' }
    if (!viaProxy) return null
    const addresses = forwarded.split(',').map((address) => address.trim())
    if (!addresses.every(isAddress)) return null
    const protocols = header('x-forwarded-proto')?.split(',') ?? []
    const fits = protocols.length <= 1 || protocols.length === addresses.length
    if (!fits || protocols.some((word) => word.trim() === '')) return null
    // From the right: the first whom nobody here vouches for is the client.
    const at = Math.max(
      0,
      addresses.findLastIndex((address) => !isTrusted(address)),
    )
    const host = header('x-forwarded-host') ?? header('host') ?? ''
    // Sent twice, it arrives as a list; empty, it says nothing.
    if (header('x-forwarded-host') !== undefined && (host === '' || host.includes(','))) return null
    const scheme = (protocols[protocols.length === 1 ? 0 : at] ?? spoken).trim().toLowerCase()
    return { address: canonicalAddress(addresses[at]!), viaProxy, scheme, host }
  }
}
