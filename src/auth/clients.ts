/** Clients are URLs (IndieAuth): which texts are client ids, and where a client may be redirected to. */
import { LRUCache } from 'lru-cache'
import { isAddress, isLocalAddress } from './address.ts'
import type { ClientPages } from './client-pages.ts'

interface Parts {
  readonly scheme: string
  /** Host and port, lower case. */
  readonly netloc: string
  readonly host: string
  readonly path: string
  readonly fragment: string
}

/**
 * Splits a URL by its text. `URL` is not used: it would rewrite what is to be judged (`/../`, decimal addresses,
 * default ports). Leading blanks and control characters, and tabs and line ends anywhere, do not count.
 */
const split = (text: string): Parts | null => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken away
  const bare = text.replace(/^[\u0000-\u0020]+/, '').replace(/[\t\r\n]/g, '')
  const match = /^(https?):\/\/([^/?#]*)([^?#]*)(?:\?[^#]*)?(?:#(.*))?$/is.exec(bare)
  if (match === null) return null
  const [, scheme = '', authority = '', path = '', fragment = ''] = match
  // Even an empty user name is one.
  if (authority.includes('@')) return null
  const address = /^\[([^[\]]*)\](?::([0-9]*))?$/.exec(authority)
  const name = /^([^:[\]]+)(?::([0-9]*))?$/.exec(authority)
  const [, host = '', port = ''] = address ?? name ?? []
  if (host === '' || Number(port) > 65535) return null
  if (address !== null && !(isAddress(host) && host.includes(':'))) return null
  return {
    scheme: scheme.toLowerCase(),
    netloc: authority.toLowerCase(),
    host: host.toLowerCase(),
    path,
    fragment,
  }
}

/** Clients are few, and each is named in every request. Only good ones of a usual length are kept. */
const good = new LRUCache<string, true>({ max: 1000 })
const USUAL_LENGTH = 300

/** True for a client id: an http(s) URL without user, fragment and dot segments, whose host, if an address, is a local one. */
export const isClientId = (clientId: string): boolean => {
  if (good.has(clientId)) return true
  const isGood = judgeClientId(clientId)
  if (isGood && clientId.length <= USUAL_LENGTH) good.set(clientId, true)
  return isGood
}

const judgeClientId = (clientId: string): boolean => {
  const parts = split(clientId)
  if (parts === null || parts.fragment !== '') return false
  const segments = parts.path.split('/')
  segments.push(segments.pop()!.split(';')[0]!)
  if (segments.some((segment) => segment === '.' || segment === '..')) return false
  return !isAddress(parts.host) || isLocalAddress(parts.host)
}

const nativeApps: Readonly<Record<string, readonly string[]>> = {
  'https://home-assistant.io/iOS': ['homeassistant://auth-callback'],
  'https://home-assistant.io/android': [
    'homeassistant://auth-callback',
    'https://wear.googleapis.com/3p_auth/io.homeassistant.companion.android',
    'https://wear.googleapis-cn.com/3p_auth/io.homeassistant.companion.android',
  ],
}

const DANGEROUS = /^\s*(?:javascript|data|vbscript|file|about|blob):/i

/** True for what could be a redirect address of somebody: a URL, and of no scheme that runs or reads something. */
export const isRedirectUri = (uri: string): boolean => URL.canParse(uri) && !DANGEROUS.test(uri)

/** True if this client may be sent to this address: same scheme and host, or an address that the app is known for. */
const isOwnAddress = (clientId: string, redirectUri: string): boolean => {
  if (Object.hasOwn(nativeApps, clientId) && nativeApps[clientId]!.includes(redirectUri)) return true
  const client = split(clientId)
  const redirect = split(redirectUri)
  return client !== null && redirect !== null && redirect.scheme === client.scheme && redirect.netloc === client.netloc
}

/** True if this client may be sent to this address. Asks the client's page only where nothing else decides. */
export type MayRedirect = (clientId: string, redirectUri: string) => Promise<boolean>

export const createMayRedirect =
  (pages: ClientPages): MayRedirect =>
  async (clientId, redirectUri) => {
    if (!isClientId(clientId) || !isRedirectUri(redirectUri)) return false
    if (isOwnAddress(clientId, redirectUri)) return true
    // A page that came over TLS does not send its codes over plain HTTP.
    if (/^http:/i.test(redirectUri) && !/^http:/i.test(clientId)) return false
    return (await pages(clientId)).includes(redirectUri)
  }
