/** Addresses and ranges of them: one spelling for each, what counts as local, and what as loopback. */
import ipaddr from 'ipaddr.js'

/** An address with IPv4 in IPv6 (`::ffff:1.2.3.4`) folded to IPv4, and without a zone; null if it is none. */
const parse = (text: string): ipaddr.IPv4 | ipaddr.IPv6 | null => {
  const bare = text.split('%')[0]!
  // The strict forms: `1.2.3` or `017.0.0.1` are no addresses.
  if (!ipaddr.IPv4.isValidFourPartDecimal(bare) && !ipaddr.IPv6.isValid(bare)) return null
  return ipaddr.process(bare)
}

export const isAddress = (text: string): boolean => parse(text) !== null

/** The one spelling under which an address is compared and counted; the text itself if it is no address. */
export const canonicalAddress = (text: string): string => parse(text)?.toString() ?? text

/** True for an address or a CIDR. */
export const isRange = (text: string): boolean => isAddress(text) || ipaddr.isValidCIDR(text)

/** A test for addresses in any of some ranges (CIDRs or addresses). */
export const inRanges = (texts: readonly string[]): ((address: string) => boolean) => {
  const ranges = texts.map((text): readonly [ipaddr.IPv4 | ipaddr.IPv6, number] => {
    if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text)
    const address = ipaddr.process(text)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  })
  return (text) => {
    const address = parse(text)
    if (address === null) return false
    return ranges.some(([net, bits]) => address.kind() === net.kind() && address.match(net as never, bits))
  }
}

/** Loopback, private or link-local (Home Assistant's definition). */
export const isLocalAddress = inRanges([
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '::1/128',
  'fd00::/8',
  'fe80::/10',
])

export const isLoopback = (text: string): boolean => parse(text)?.range() === 'loopback'

/** Where IPv6 is given out to the world (RFC 4291 section 2.4); what embeds an IPv4 address is not among it. */
const GLOBAL_IPV6 = inRanges(['2000::/3'])

/** True for an address of the public network: none that is this machine's, a neighbour's, or a way round to one. */
export const isPublicAddress = (text: string): boolean => {
  if (!ipaddr.isValid(text)) return false
  // Not folded: an IPv4 address in an IPv6 one is a detour.
  const address = ipaddr.parse(text)
  return address.range() === 'unicast' && (address.kind() === 'ipv4' || GLOBAL_IPV6(text))
}

/** Prefix lengths that stand for one customer of a network, from the narrowest: what is counted, and what it may grow to. */
const IPV6_PREFIXES = [64, 56, 48] as const

/**
 * The networks that an address is counted under, the narrowest first: an IPv4 address itself; for IPv6 its /64, which one
 * machine has all of, then the wider ones around it. Empty for what is no address.
 */
export const networksOf = (text: string): readonly string[] => {
  const address = parse(text)
  if (address === null) return []
  if (address.kind() === 'ipv4') return [address.toString()]
  return IPV6_PREFIXES.map((bits) => `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/${bits}`)}/${bits}`)
}

/** The next wider network that counts the bans of this one; null for IPv4 and the widest. */
export const widerNetwork = (network: string): string | null => {
  const [address, bits] = network.split('/')
  if (bits === undefined) return null
  const networks = networksOf(address!)
  return networks[networks.indexOf(network) + 1] ?? null
}
