/** The first run: who may make the owner without the set-up code, who with it, and that there is only one. */
import { request } from 'node:http'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { dump } from '../database.ts'
import { closeRigs, exchange, post, type Rig, USER } from '../rig.ts'
import { describeTransports } from '../transports.ts'

afterEach(closeRigs)

interface Answer {
  readonly status: number
  readonly body: unknown
  readonly retryAfter: string | undefined
}

/** Sends what `fetch` would not let anybody send: any Host, any Sec-Fetch-Site. */
const make = ({ url }: Rig, headers: Record<string, string>, more: Record<string, string> = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const sent = request({ hostname, port, path: '/api/onboarding/users', method: 'POST', headers }, (response) => {
      let text = ''
      response.on('data', (data) => {
        text += data
      })
      response.on('end', () =>
        resolve({
          status: response.statusCode!,
          body: JSON.parse(text),
          retryAfter: response.headers['retry-after'],
        }),
      )
    })
    sent.on('error', reject)
    sent.end(JSON.stringify({ ...USER, language: 'en', client_id: 'https://example.com/', ...more }))
  })

const hasOwner = async ({ url }: Rig): Promise<boolean> => {
  const [first] = (await (await fetch(`${url}/api/onboarding`)).json()) as [{ step: string; done: boolean }]
  expect(first.step).toBe('user')
  return first.done
}
const codeOf = ({ setUpUrl }: Rig): string => new URL(setUpUrl!).hash.slice('#code='.length)

/** What the change log holds. Ends the gateway. */
const kinds = async (gateway: Rig): Promise<unknown[]> => {
  await gateway.stop()
  const { auth_change: changes } = await dump(join(gateway.dataDir, 'latchkey.db'))
  return changes!.map(({ kind }) => kind)
}

const own = (port: string) => [
  { host: `127.0.0.1:${port}` },
  { host: `localhost:${port}` },
  { host: `LOCALHOST:${port}` },
  { host: '127.9.9.9' },
  { host: `[::1]:${port}` },
  { host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' },
]

const foreign = [
  { host: 'evil.example' },
  { host: 'localhost.evil.example' },
  { host: '127.0.0.1.evil.example' },
  { host: '192.168.1.2' },
  { host: 'localhost', 'x-forwarded-for': '127.0.0.1' },
  { host: 'localhost', 'x-forwarded-host': 'localhost' },
  { host: 'localhost', forwarded: 'for=127.0.0.1' },
  { host: 'localhost', 'x-real-ip': '127.0.0.1' },
  { host: 'localhost', via: '1.1 proxy' },
  { host: 'localhost', origin: 'http://evil.example' },
  { host: 'localhost', origin: 'null' },
  { host: 'localhost', origin: 'https://localhost' },
  { host: 'localhost', 'sec-fetch-site': 'cross-site' },
  { host: 'localhost', 'sec-fetch-site': 'same-site' },
  { host: 'localhost', 'sec-fetch-site': 'none' },
]

describeTransports('the owner is made', (start) => {
  test.each(own('8123'))('without a code on the machine itself: %o (D27)', async (headers) => {
    const gateway = await start()
    const { port } = new URL(gateway.url)
    const here = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, text.replace('8123', port)]))
    const { status, body } = await make(gateway, here)
    expect({ status, body }).toEqual({ status: 200, body: { auth_code: expect.stringMatching(/^[0-9a-f]{64}$/) } })
  })

  test.each(foreign)('only with the code where somebody else may be asking: %o (D27, D29, D30)', async (headers) => {
    // Believed or not, a forwarding header says that somebody else is asking.
    const gateway = await start({ 'server.trusted_proxies': '127.0.0.1' })
    expect(await make(gateway, headers)).toMatchObject({
      status: 403,
      body: { message: 'Set-up code required', code: 'setup_code_required' },
    })
    expect(await hasOwner(gateway)).toBe(false)
    expect(await make(gateway, headers, { setup_code: 'AAAA-AAAA-AAAA-AAAA' })).toMatchObject({
      status: 403,
      body: { message: 'Invalid set-up code', code: 'invalid_setup_code' },
    })
    expect((await make(gateway, headers, { setup_code: codeOf(gateway) })).status).toBe(200)
  })

  test('with a wrong code not even on the machine itself', async () => {
    const gateway = await start()
    expect((await make(gateway, { host: 'localhost' }, { setup_code: 'wrong' })).status).toBe(403)
    expect(await hasOwner(gateway)).toBe(false)
  })

  test('by nobody after five wrong codes in a minute, right or wrong; a minute later the right one is good (D27)', async () => {
    const gateway = await start()
    const elsewhere = { host: 'evil.example' }
    for (let i = 0; i < 5; i++) expect((await make(gateway, elsewhere, { setup_code: 'wrong' })).status).toBe(403)
    const { status, body, retryAfter } = await make(gateway, elsewhere, { setup_code: codeOf(gateway) })
    expect({ status, body }).toEqual({ status: 429, body: { message: 'Too many tries' } })
    expect(Number(retryAfter)).toBeGreaterThan(0)
    expect(Number(retryAfter)).toBeLessThanOrEqual(60)
    expect((await make(gateway, { host: 'localhost' })).status).toBe(200)
  })

  test('once: of 100 who ask at the same time one gets a code, and the others hear that it is done (D27)', async () => {
    const gateway = await start({ 'hashing.queue': '200' })
    const asked = Array.from({ length: 100 }, (_, i) =>
      post(`${gateway.url}/api/onboarding/users`, {
        ...USER,
        username: `user-${i}`,
        language: 'en',
        client_id: 'https://example.com/app',
      }),
    )
    const answers = await Promise.all(asked)
    const made = answers.filter(({ status }) => status === 200)
    expect(made).toHaveLength(1)
    for (const answer of answers) {
      if (answer.status === 200) continue
      expect({ status: answer.status, body: await answer.json() }).toEqual({
        status: 403,
        body: { message: 'User step already done' },
      })
    }
    const { auth_code: code } = (await made[0]!.json()) as { auth_code: string }
    await exchange(gateway.url, code)
    expect(await kinds(gateway)).toEqual(['begin', 'user_added', 'grant_added'])
  })

  test.each([
    [{ username: 'Test User' }, 'Username must be lowercase and must not contain white space.'],
    [{ name: 'n'.repeat(201) }, 'Name must not be longer than 200 characters.'],
  ])('not with what cannot be an account, and nothing of it stays: %o', async (wrong, message) => {
    const gateway = await start()
    const refused = await make(gateway, { host: 'localhost' }, wrong)
    expect({ status: refused.status, body: refused.body }).toEqual({ status: 400, body: { message } })
    expect((await make(gateway, { host: 'localhost' })).status).toBe(200)
    expect(await kinds(gateway)).toEqual(['begin', 'user_added'])
  })
})
