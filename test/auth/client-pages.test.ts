/** The pages behind client ids: what is fetched, from where, and what is left alone. */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { isPublicAddress } from '../../src/auth/address.ts'
import { createClientPages, type ResolveName } from '../../src/auth/client-pages.ts'
import { closeRigs, logIn, MovableClock, onboard, post, type RigSettings, rig, USER } from '../rig.ts'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
  await closeRigs()
})

/** A page on loopback, and how often it was asked for. */
const page = async (answer: RequestListener | string): Promise<{ url: string; port: number; hits: () => number }> => {
  let hits = 0
  const server = createServer((request, response) => {
    hits++
    if (typeof answer === 'string') response.end(answer)
    else answer(request, response)
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/app`, port, hits: () => hits }
}

const LISTED = '<link rel="redirect_uri" href="hass://oauth2_redirect"><link rel="redirect_uri" href="/beer">'

describe('the guard', () => {
  /** Pages with the guard on; names mean what the test says. */
  const guarded = (resolve: ResolveName) => {
    const failures: string[] = []
    const onFailure = (_: string, error: unknown) => void failures.push((error as Error).message)
    const pages = createClientPages(new MovableClock(), { fetchPrivate: false, onFailure, resolve })
    return { pages, failures }
  }

  test('no address of this machine, of a neighbour, or in disguise is public (E1)', () => {
    const private_ = [
      '127.0.0.1',
      '0.0.0.0',
      '10.1.2.3',
      '172.16.0.1',
      '192.168.1.1',
      '169.254.169.254',
      '100.64.0.1',
      '224.0.0.1',
    ]
    const disguised = [
      '::1',
      '::',
      '::ffff:127.0.0.1',
      '::ffff:8.8.8.8',
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      'fe80::1',
      'fd00::1',
      'fec0::1',
      '4000::1',
      'ff02::1',
    ]
    for (const address of [...private_, ...disguised, '', 'x', '198.18.0.1', '255.255.255.255']) {
      expect([address, isPublicAddress(address)]).toEqual([address, false])
    }
    for (const address of ['8.8.8.8', '2606:4700::1111']) expect(isPublicAddress(address)).toBe(true)
  })

  test('a client id that is an address of this machine, however it is written, is not fetched (E1)', async () => {
    const { port, hits } = await page(LISTED)
    const { pages, failures } = guarded(() => Promise.reject(new Error('no name was to be resolved')))
    const spellings = ['127.0.0.1', '0x7f.1', '2130706433', '0.0.0.0', '[::ffff:127.0.0.1]', '[::1]']
    for (const host of spellings) expect(await pages(`http://${host}:${port}/`)).toEqual([])
    expect(failures).toEqual(spellings.map(() => 'the page is at an address that is not public'))
    expect(hits()).toBe(0)
  })

  test('a name with one private address among its addresses is not fetched (E1)', async () => {
    const { port, hits } = await page(LISTED)
    const { pages, failures } = guarded(async () => [
      { address: '8.8.8.8', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ])
    expect(await pages(`http://two.example:${port}/`)).toEqual([])
    expect(failures).toEqual(['the page is at an address that is not public'])
    expect(hits()).toBe(0)
  })
})

describe('what is read', () => {
  const open = (clock = new MovableClock()) => {
    const failures: string[] = []
    const onFailure = (_: string, error: unknown) => void failures.push((error as Error).message)
    const resolve: ResolveName = async () => [{ address: '127.0.0.1', family: 4 }]
    return { pages: createClientPages(clock, { fetchPrivate: true, onFailure, resolve }), failures, clock }
  }

  test('the connection goes to the judged address, with the name as Host (E1)', async () => {
    const { port } = await page((request, response) =>
      response.end(`<link rel=redirect_uri href="x:${request.headers.host}">`),
    )
    const { pages } = open()
    expect(await pages(`http://app.example:${port}/`)).toEqual([`x:app.example:${port}`])
  })

  test('a name is resolved once, and what it means a moment later is not asked (DNS rebinding) (E1)', async () => {
    const { port, hits } = await page(LISTED)
    let asked = 0
    const resolve: ResolveName = async () => [{ address: ++asked === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }]
    const pages = createClientPages(new MovableClock(), { fetchPrivate: true, onFailure: () => undefined, resolve })
    expect(await pages(`http://rebind.example:${port}/`)).toHaveLength(2)
    expect([asked, hits()]).toEqual([1, 1])
  })

  test('addresses without a scheme are resolved against the page, and the status does not matter', async () => {
    const { url, port } = await page((_, response) => {
      response.statusCode = 404
      response.end(LISTED)
    })
    expect(await open().pages(url)).toEqual(['hass://oauth2_redirect', `http://127.0.0.1:${port}/beer`])
  })

  test('a redirect is not followed (E1)', async () => {
    const other = await page(LISTED)
    const { url } = await page((_, response) => {
      response.writeHead(302, { location: other.url })
      response.end(LISTED)
    })
    const { pages, failures } = open()
    expect(await pages(url)).toEqual([])
    expect(failures).toEqual(['the page answers with a redirect'])
    expect(other.hits()).toBe(0)
  })

  test('a tag that ends at byte 10,240 counts, a later one does not, and nobody waits for the rest (E2)', async () => {
    const tag = '<link rel=redirect_uri href=/a>'
    // It never ends: what is not left by itself is left when the time is over.
    const { url, port } = await page((_, response) => void response.write(tag.padStart(10_240, ' ') + tag))
    const started = performance.now()
    expect(await open().pages(url)).toEqual([`http://127.0.0.1:${port}/a`])
    expect(performance.now() - started).toBeLessThan(2900)
  })

  test('what came before the time was over or the connection was cut counts (E2)', async () => {
    const stalled = await page((_, response) => void response.write(LISTED))
    const cut = await page((_, response) => {
      response.write(LISTED, () => response.destroy())
    })
    const { pages } = open()
    const [first, second] = await Promise.all([pages(stalled.url), pages(cut.url)])
    expect([first[0], second[0]]).toEqual(['hass://oauth2_redirect', 'hass://oauth2_redirect'])
  })

  test('bytes that are no UTF-8 do no harm, and an encoding that was not asked for is left alone (E2)', async () => {
    const odd = await page((_, response) =>
      response.end(Buffer.concat([Buffer.from([0xff, 0xc3]), Buffer.from(LISTED)])),
    )
    const zipped = await page((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' })
      response.end(LISTED)
    })
    const { pages, failures } = open()
    expect((await pages(odd.url))[0]).toBe('hass://oauth2_redirect')
    expect(await pages(zipped.url)).toEqual([])
    expect(failures).toEqual(['the page came in an encoding that was not asked for'])
  })

  test('a page is kept for ten minutes, a failure for half a minute, and one fetch serves all who ask at once', async () => {
    const good = await page(LISTED)
    const bad = await page('nothing')
    const { pages, clock } = open()
    await Promise.all([pages(good.url), pages(good.url), pages(good.url), pages(bad.url)])
    expect([good.hits(), bad.hits()]).toEqual([1, 1])
    clock.move(29_000)
    await Promise.all([pages(good.url), pages(bad.url)])
    expect([good.hits(), bad.hits()]).toEqual([1, 1])
    clock.move(2000)
    await Promise.all([pages(good.url), pages(bad.url)])
    expect([good.hits(), bad.hits()]).toEqual([1, 2])
    clock.move(570_000)
    await pages(good.url)
    expect(good.hits()).toBe(2)
  })

  test('no more than two pages are fetched at once', async () => {
    let now = 0
    let most = 0
    const { port } = await page((_, response) => {
      most = Math.max(most, ++now)
      setTimeout(() => {
        now--
        response.end(LISTED)
      }, 20)
    })
    const { pages } = open()
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => pages(`http://127.0.0.1:${port}/${i}`)))
    expect(all.every((uris) => uris.length === 2)).toBe(true)
    expect(most).toBe(2)
  })
})

describe('a login whose client lists its redirect address', () => {
  const begin = async (settings: RigSettings = {}) => {
    const client = await page(`${LISTED}<link rel="redirect_uri" href="javascript:alert(1)">`)
    const gateway = await rig({ 'clients.fetch_private': 'true', ...settings })
    await onboard(gateway.url)
    return { client, gateway }
  }

  const tryLogIn = async (url: string, clientId: string, redirectUri: string, password = USER.password) => {
    const start = { client_id: clientId, redirect_uri: redirectUri, handler: ['homeassistant', null] }
    const flow = (await (await post(`${url}/auth/login_flow`, start)).json()) as { flow_id: string }
    const input = { client_id: clientId, username: USER.username, password }
    const response = await post(`${url}/auth/login_flow/${flow.flow_id}`, input)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  test('gets a code for it', async () => {
    const { client, gateway } = await begin()
    expect(await logIn(gateway.url, client.url, 'hass://oauth2_redirect')).toMatch(/^[0-9a-f]{64}$/)
  })

  test('gets none for another, after the password; and before it the page is not touched', async () => {
    const { client, gateway } = await begin()
    const wrong = await tryLogIn(gateway.url, client.url, 'hass://other', 'wrong')
    expect([wrong.status, wrong.body['errors']]).toEqual([200, { base: 'invalid_auth' }])
    expect(client.hits()).toBe(0)
    const other = await tryLogIn(gateway.url, client.url, 'hass://other')
    expect([other.status, other.body]).toEqual([403, { message: 'Invalid redirect URI' }])
    expect(client.hits()).toBe(1)
  })

  test('gets none without clients.fetch_private where the page is on a private address, and nothing is fetched (E1)', async () => {
    const { client, gateway } = await begin({ 'clients.fetch_private': 'false' })
    const { status, body } = await tryLogIn(gateway.url, client.url, 'hass://oauth2_redirect')
    expect([status, body]).toEqual([403, { message: 'Invalid redirect URI' }])
    expect(client.hits()).toBe(0)
  })

  test('is never sent to an address that runs something, listed or not (E3, C3)', async () => {
    const { client, gateway } = await begin()
    const start = { client_id: client.url, redirect_uri: 'javascript:alert(1)', handler: ['homeassistant', null] }
    const response = await post(`${gateway.url}/auth/login_flow`, start)
    expect([response.status, await response.json()]).toEqual([400, { message: 'Invalid redirect URI' }])
  })

  test('is known without a page if it is one of the native apps', async () => {
    const { gateway } = await begin({ 'clients.fetch_private': 'false' })
    const ios = 'https://home-assistant.io/iOS'
    expect(await logIn(gateway.url, ios, 'homeassistant://auth-callback')).toMatch(/^[0-9a-f]{64}$/)
    const android = 'https://home-assistant.io/android'
    const wear = 'https://wear.googleapis.com/3p_auth/io.homeassistant.companion.android'
    expect(await logIn(gateway.url, android, wear)).toMatch(/^[0-9a-f]{64}$/)
  })
})
