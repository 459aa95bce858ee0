/** Who is asking when a proxy stands between: `X-Forwarded-For` is believed from trusted proxies and refused from anybody else. */
import { canonicalAddress, inRanges, isAddress } from '../auth/address.ts'

/** Who is asking. */
export interface Caller {
  /** The client's address, as far as trusted proxies vouch for it. */
  readonly address: string
  /** True if the peer itself is a trusted proxy. */
  readonly viaProxy: boolean
}

/** Null where there are forwarding headers that are not to be believed. */
export type Resolve = (peer: string, header: (name: string) => string | undefined) => Caller | null

/** `trusted`: CIDRs and addresses of proxies. */
export const createResolve = (trusted: readonly string[]): Resolve => {
  const isTrusted = inRanges(trusted)

  return (peer, header) => {
    const viaProxy = isAddress(peer) && isTrusted(peer)
    const forwarded = header('x-forwarded-for')
    if (forwarded === undefined) return { address: peer, viaProxy }
    if (!viaProxy) return null
    const addresses = forwarded.split(',').map((address) => address.trim())
    if (!addresses.every(isAddress)) return null
    const protocols = header('x-forwarded-proto')?.split(',') ?? []
    const fits = protocols.length <= 1 || protocols.length === addresses.length
    if (!fits || protocols.some((word) => word.trim() === '')) return null
    // From the right: the first whom nobody here vouches for is the client.
    const client = addresses.findLast((address) => !isTrusted(address)) ?? addresses[0]!
    return { address: canonicalAddress(client), viaProxy }
  }
}
