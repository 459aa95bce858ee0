/** Signed paths: an address that its holder may GET for some seconds, on the rights of the grant that signed it. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { GrantId } from '../store/model.ts'
import type { Principal } from './principal.ts'
import type { Keys } from './secrets.ts'
import type { Verifier } from './verifier.ts'

/** The query parameter that holds the signature. */
export const SIGNATURE_PARAMETER = 'authSig'

/** An image's size may be added by whoever shows it. */
const FREE_PARAMETERS = new Set(['width', 'height'])

const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url')

type Pairs = readonly (readonly [string, string])[]

interface Signed {
  readonly iss: GrantId
  readonly path: string
  readonly params: Pairs
  readonly iat: number
  readonly exp: number
}

const decode = (path: string): string | null => {
  try {
    return decodeURIComponent(path)
  } catch {
    return null
  }
}

const pairsOf = (query: string): Pairs =>
  [...new URLSearchParams(query)].filter(([name]) => name !== SIGNATURE_PARAMETER && !FREE_PARAMETERS.has(name))

const mac = (signed: string, key: Uint8Array): string => createHmac('sha256', key).update(signed).digest('base64url')

const readSigned = (token: string): Signed | null => {
  const [header, payload, signature, more] = token.split('.')
  if (header !== HEADER || payload === undefined || signature === undefined || more !== undefined) return null
  try {
    const signed = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Signed
    return typeof signed.iss === 'string' && Number.isSafeInteger(signed.exp) ? signed : null
  } catch {
    return null
  }
}

export interface SignedPaths {
  /** The path and query with a signature, percent-encoded; null if it is no path. `seconds` of life. */
  sign(who: Principal, address: string, seconds: number): Promise<string | null>
  /** Who signed this path and query; null if the signature is not good for just these. */
  verify(path: string, query: string): Promise<Principal | 'expired' | null>
}

export const createSignedPaths = (verifier: Verifier, keys: Pick<Keys, 'pathKey'>, clock: Clock): SignedPaths => {
  /** The grant's principal and its key for paths, as they stand now. */
  const keyOf = async (grant: GrantId): Promise<{ who: Principal; key: Uint8Array } | null> => {
    let found: { who: Principal; key: Uint8Array } | null = null
    await verifier.stand(grant, (who, accessKey) => {
      if (who !== null && accessKey !== null) found = { who, key: keys.pathKey(grant, accessKey) }
    })
    return found
  }

  return {
    sign: async (who, address, seconds) => {
      if (!URL.canParse(address, 'http://signed.invalid')) return null
      // Scheme and host are dropped: a signature is for this server.
      const { pathname, search } = new URL(address, 'http://signed.invalid')
      const path = decode(pathname)
      const signer = await keyOf(who.grantId)
      if (path === null || signer === null) return null
      const params = pairsOf(search)
      const iat = Math.floor(clock.now() / 1000)
      const claims: Signed = { iss: who.grantId, path, params, iat, exp: iat + seconds }
      const signed = `${HEADER}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
      const query = new URLSearchParams()
      for (const [name, value] of params) query.append(name, value)
      query.append(SIGNATURE_PARAMETER, `${signed}.${mac(signed, signer.key)}`)
      return `${pathname}?${query}`
    },

    verify: async (path, query) => {
      const token = new URLSearchParams(query).get(SIGNATURE_PARAMETER)
      const claims = token === null ? null : readSigned(token)
      if (token === null || claims === null) return null
      const signer = await keyOf(claims.iss)
      if (signer === null) return null
      const cut = token.lastIndexOf('.')
      const given = Buffer.from(token.slice(cut + 1))
      const right = Buffer.from(mac(token.slice(0, cut), signer.key))
      if (given.length !== right.length || !timingSafeEqual(given, right)) return null
      // No leeway: a signature lives for seconds, on this server's own clock.
      if (clock.now() >= claims.exp * 1000) return 'expired'
      // The signed query was without free parameters; any other difference, in order too, is another address.
      const same = decode(path) === claims.path && JSON.stringify(pairsOf(query)) === JSON.stringify(claims.params)
      return same ? signer.who : null
    },
  }
}
