/** Addresses: what counts as local, and what as loopback. */
import ipaddr from 'ipaddr.js'

const ranges = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '::1/128',
  'fd00::/8',
  'fe80::/10',
].map((cidr) => ipaddr.parseCIDR(cidr))

/** An address with IPv4 in IPv6 (`::ffff:1.2.3.4`) folded to IPv4, and without a zone; null if it is none. */
const parse = (text: string): ipaddr.IPv4 | ipaddr.IPv6 | null => {
  const bare = text.split('%')[0]!
  // The strict forms: `1.2.3` or `017.0.0.1` are no addresses.
  if (!ipaddr.IPv4.isValidFourPartDecimal(bare) && !ipaddr.IPv6.isValid(bare)) return null
  return ipaddr.process(bare)
}

export const isAddress = (text: string): boolean => parse(text) !== null

/** Loopback, private or link-local (Home Assistant's definition). */
export const isLocalAddress = (text: string): boolean => {
  const address = parse(text)
  return (
    address !== null && ranges.some(([net, bits]) => address.kind() === net.kind() && address.match(net as never, bits))
  )
}

export const isLoopback = (text: string): boolean => parse(text)?.range() === 'loopback'
