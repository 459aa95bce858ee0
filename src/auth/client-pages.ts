/**
 * The pages behind client ids, fetched for the redirect addresses that they list. The address of a page is a stranger's
 * choice: what it resolves to is judged, the connection goes to just that, and every bound is small.
 */
import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import { isPublicAddress } from './address.ts'
import { readClientDocument } from './client-document.ts'
import { readRedirectLinks } from './link-tags.ts'

const TIMEOUT_MS = 3000
/** A tag that ends at this byte still counts (Home Assistant's bound). */
const MAX_BYTES = 10_240
const MAX_CLIENT_ID = 2048
/** Fetches at once, and callers that wait for their turn. */
const CONCURRENCY = 2
const MAX_WAITING = 50
const CACHE_SIZE = 1000
const KEEP_MS = 600_000
const KEEP_FAILURE_MS = 30_000

/** All addresses of a name. */
export type ResolveName = (name: string) => Promise<readonly LookupAddress[]>

export interface ClientPagesOptions {
  /** May pages be fetched from addresses that are not public? */
  readonly fetchPrivate: boolean
  /** Hears why a page could not be read. */
  readonly onFailure: (clientId: string, error: unknown) => void
  readonly resolve?: ResolveName
}

/** The redirect addresses that a client's page lists; none where it cannot be read. Never rejects. */
export type ClientPages = (clientId: string) => Promise<readonly string[]>

class PageRefused extends Error {
  override readonly name = 'PageRefused'
}

const resolveName: ResolveName = (name) => lookup(name, { all: true, verbatim: true })

/** The addresses to connect to, after all of them were judged: a name with one bad address is a bad name. */
const judge = async (name: string, fetchPrivate: boolean, resolve: ResolveName): Promise<readonly LookupAddress[]> => {
  const family = isIP(name)
  const addresses = family === 0 ? await resolve(name) : [{ address: name, family }]
  if (addresses.length === 0) throw new PageRefused('the name has no address')
  if (!fetchPrivate && !addresses.every(({ address }) => isPublicAddress(address))) {
    throw new PageRefused('the page is at an address that is not public')
  }
  return addresses
}

/** Answers with what was judged: no second look-up, so that a name cannot mean something else by then (DNS rebinding). */
const pinned =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_name, { all }, callback) => {
    const [first] = addresses
    if (all === true) callback(null, [...addresses])
    else callback(null, first!.address, first!.family)
  }

interface Page {
  readonly status: number
  readonly text: string
}

/** The first bytes of the page. What came before an error or the end of the time counts. */
const read = (url: URL, name: string, addresses: readonly LookupAddress[], signal: AbortSignal): Promise<Page> =>
  new Promise((done, reject) => {
    const secure = url.protocol === 'https:'
    const chunks: Buffer[] = []
    let length = 0
    let status = 0
    const request = (secure ? requestHttps : requestHttp)({
      host: name,
      lookup: pinned(addresses),
      port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
      path: url.pathname + url.search,
      headers: { host: url.host, accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'Latchkey' },
      agent: false,
      maxHeaderSize: 16 * 1024,
      signal,
    })
    const end = (error?: unknown): void => {
      if (length === 0 && error !== undefined) reject(error)
      else done({ status, text: new TextDecoder().decode(Buffer.concat(chunks).subarray(0, MAX_BYTES)) })
      request.destroy()
    }
    request.on('error', end)
    request.on('response', (response) => {
      const { headers } = response
      status = response.statusCode ?? 0
      const encoding = headers['content-encoding'] ?? 'identity'
      if (status >= 300 && status < 400) {
        end(new PageRefused('the page answers with a redirect'))
      } else if (encoding.toLowerCase() !== 'identity') {
        end(new PageRefused('the page came in an encoding that was not asked for'))
      } else {
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          length += chunk.length
          if (length >= MAX_BYTES) end()
        })
        response.on('end', () => end())
        response.on('error', end)
      }
    })
    request.end()
  })

/** An address with a scheme stands as the page has it; another is resolved against the page's own. */
const absolute = (href: string | null, page: string): string | null => {
  if (href === null) return page
  if (/^[a-z][a-z0-9+.-]*:/i.test(href)) return href
  return URL.canParse(href, page) ? new URL(href, page).href : null
}

const fetchPage = async (clientId: string, fetchPrivate: boolean, resolve: ResolveName): Promise<readonly string[]> => {
  if (clientId.length > MAX_CLIENT_ID || !URL.canParse(clientId)) throw new PageRefused('the client id is no address')
  const url = new URL(clientId)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new PageRefused('the page is not on the web')
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  // The system's resolver cannot be stopped; nobody waits for it longer than this.
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const addresses = await Promise.race([judge(name, fetchPrivate, resolve), late])
  const { status, text } = await read(url, name, addresses, signal)
  const links = readRedirectLinks(text)
    .map((href) => absolute(href, clientId))
    .filter((uri) => uri !== null)
  return links.length === 0 && status === 200 ? readClientDocument(text, clientId) : links
}

interface Kept {
  readonly uris: readonly string[]
  /** On the monotonic clock. */
  readonly until: number
}

export const createClientPages = (clock: Clock, options: ClientPagesOptions): ClientPages => {
  const { fetchPrivate, onFailure, resolve = resolveName } = options
  const kept = new LRUCache<string, Kept>({ max: CACHE_SIZE })
  const underWay = new Map<string, Promise<readonly string[]>>()
  const waiting: (() => void)[] = []
  let running = 0

  const turn = async (clientId: string): Promise<readonly string[]> => {
    if (running >= CONCURRENCY) {
      if (waiting.length >= MAX_WAITING) return []
      // Whoever is done hands its place over.
      await new Promise<void>((go) => waiting.push(go))
    } else {
      running++
    }
    let uris: readonly string[] = []
    try {
      uris = await fetchPage(clientId, fetchPrivate, resolve)
    } catch (error) {
      onFailure(clientId, error)
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
    // A page that lists nothing is soon asked again: its author may be writing it.
    kept.set(clientId, { uris, until: clock.monotonic() + (uris.length === 0 ? KEEP_FAILURE_MS : KEEP_MS) })
    return uris
  }

  return (clientId) => {
    const found = kept.get(clientId)
    if (found !== undefined && clock.monotonic() < found.until) return Promise.resolve(found.uris)
    let page = underWay.get(clientId)
    if (page === undefined) {
      page = turn(clientId).finally(() => underWay.delete(clientId))
      underWay.set(clientId, page)
    }
    return page
  }
}
