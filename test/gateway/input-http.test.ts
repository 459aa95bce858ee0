/** Bad input over HTTP: the exact answer to each, nothing changed by any, and the process well afterwards. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENT_ID, closeRigs, exchange, onboard, post, REDIRECT_URI, type Rig, type Tokens, USER } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { badForms } from './bad-forms.ts'
import { type BadRequest, badJson, badMethods, MARKER } from './bad-requests.ts'
import { expectUntouched } from './untouched.ts'

afterEach(closeRigs)

const startFlow = { client_id: CLIENT_ID, handler: ['homeassistant', null], redirect_uri: REDIRECT_URI }

const answerTo = async (base: string, { method, path, headers = {}, body }: BadRequest) => {
  const response = await fetch(base + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: body as string }),
    redirect: 'manual',
  })
  const text = await response.text()
  expect(text).not.toContain(MARKER)
  if (response.status === 405) expect(response.headers.get('allow')).toMatch(/^([A-Z]+,)*OPTIONS(,[A-Z]+)*$/)
  return { status: response.status, answer: text.startsWith('{') ? JSON.parse(text) : text }
}

/** Asks all of them on one gateway, and compares all answers at once. */
const expectRefused = async (gateway: Rig, requests: readonly BadRequest[], base = gateway.url): Promise<void> => {
  const given: unknown[] = []
  for (const request of requests) given.push([request.name, await answerTo(base, request)])
  expect(given).toEqual(requests.map(({ name, status, answer }) => [name, { status, answer }]))
}

describeTransports('bad input over HTTP', (start) => {
  let gateway: Rig
  let tokens: Tokens
  let flowPath: string

  beforeEach(async () => {
    gateway = await start()
    tokens = await exchange(gateway.url, await onboard(gateway.url))
    const flow = await post(`${gateway.url}/auth/login_flow`, startFlow)
    flowPath = `/auth/login_flow/${((await flow.json()) as { flow_id: string }).flow_id}`
  })

  const isRefused = (name: string, requests: () => readonly BadRequest[]): void =>
    test(name, async () => {
      await expectUntouched(gateway, () => expectRefused(gateway, requests()))
    })

  const refused = (name: string, path: string, body: unknown, status: number, text: string): BadRequest => ({
    name,
    method: 'POST',
    path,
    body: JSON.stringify(body),
    status,
    answer: { message: text },
  })

  describe('POST /auth/login_flow', () => {
    const path = '/auth/login_flow'
    isRefused('a body that does not fit (F7)', () => badJson({ path, good: startFlow }))

    isRefused('fields of the right type that mean nothing', () => {
      const bad = (field: object, status: number, text: string) =>
        refused(JSON.stringify(field).slice(0, 80), path, { ...startFlow, ...field }, status, text)
      const handler = (value: unknown, text: string) =>
        bad({ handler: value }, 400, `Message format incorrect: ${text} @ data['handler']`)
      return [
        handler('homeassistant', 'expected a list for dictionary value'),
        handler(null, 'expected a list for dictionary value'),
        handler({}, 'expected a list for dictionary value'),
        handler([], 'length of value must be at least 2 for dictionary value'),
        handler(['homeassistant'], 'length of value must be at least 2 for dictionary value'),
        handler(['homeassistant', null, null], 'length of value must be at most 2 for dictionary value'),
        bad({ handler: [5, null] }, 400, "Message format incorrect: expected str @ data['handler'][0]"),
        bad({ handler: [null, []] }, 400, "Message format incorrect: expected str @ data['handler'][1]"),
        bad({ handler: [null, null] }, 404, 'Invalid handler specified'),
        bad({ handler: ['homeassistant', ''] }, 404, 'Invalid handler specified'),
        bad({ handler: ['constructor', null] }, 404, 'Invalid handler specified'),
        bad({ type: 5 }, 400, "Message format incorrect: expected str for dictionary value @ data['type']"),
        bad({ client_id: '' }, 400, 'Invalid client id'),
        bad({ client_id: MARKER }, 400, 'Invalid client id'),
        bad({ client_id: 'https://example.com/../app' }, 400, 'Invalid client id'),
        bad({ client_id: `https://example.com/#${MARKER}` }, 400, 'Invalid client id'),
        bad({ client_id: 'http://8.8.8.8/' }, 400, 'Invalid client id'),
        bad({ client_id: 'x'.repeat(60_000) }, 400, 'Invalid client id'),
        bad({ redirect_uri: '' }, 400, 'Invalid redirect URI'),
        bad({ redirect_uri: MARKER }, 400, 'Invalid redirect URI'),
        bad({ redirect_uri: 'javascript:alert(1)' }, 400, 'Invalid redirect URI'),
        bad({ redirect_uri: ' JavaScript:alert(1)' }, 400, 'Invalid redirect URI'),
        bad({ redirect_uri: 'data:text/html,x' }, 400, 'Invalid redirect URI'),
        bad({ code_challenge: '' }, 400, 'Invalid code challenge'),
        bad({ code_challenge: '', code_challenge_method: 'S256' }, 400, 'Invalid code challenge'),
        bad({ code_challenge_method: 'S256' }, 400, 'Invalid code challenge'),
      ]
    })
  })

  describe('POST /auth/login_flow/{flow_id}', () => {
    const good = { client_id: CLIENT_ID, username: USER.username, password: USER.password }

    isRefused('a body that does not fit', () => {
      // What a step asks for is the provider's: it says of all of it the same.
      const requests = badJson({ path: flowPath, good: { client_id: CLIENT_ID } })
      const malformed = { message: 'User input malformed' }
      return requests.map((request) =>
        /too many$/.test(request.name) && /field/.test(request.name) ? { ...request, answer: malformed } : request,
      )
    })

    isRefused('fields of the right type that mean nothing', () => {
      const bad = (name: string, body: unknown, path = flowPath, status = 400, text = 'User input malformed') =>
        refused(name, path, body, status, text)
      return [
        bad('no fields', { client_id: CLIENT_ID }),
        bad('no password', { client_id: CLIENT_ID, username: 'a' }),
        ...['username', 'password'].flatMap((field) =>
          [null, 5, true, [], {}].map((value) =>
            bad(`${JSON.stringify(value)} for ${field}`, { ...good, [field]: value }),
          ),
        ),
        bad('a field too many', { ...good, [MARKER]: MARKER }),
        bad('no client', { ...good, client_id: '' }, flowPath, 400, 'Invalid client id'),
        bad('another client', { ...good, client_id: 'https://other.example/' }, flowPath, 400, 'Invalid client id'),
        ...[
          `/auth/login_flow/${MARKER}`,
          '/auth/login_flow/%zz',
          '/auth/login_flow/%00',
          '/auth/login_flow/__proto__',
        ].map((path) => bad(`nobody's flow ${path}`, good, path, 404, 'Invalid flow specified')),
        bad('a long id', good, `/auth/login_flow/${'a'.repeat(3000)}`, 404, 'Invalid flow specified'),
        bad('no id', good, '/auth/login_flow/', 404, 'Not found.'),
        bad('an id of two segments', good, `${flowPath}/${MARKER}`, 404, 'Not found.'),
        { ...bad('a look at a flow', null, flowPath, 404, 'Invalid flow specified'), method: 'GET', body: undefined },
        { ...bad('no such flow to end', {}, '/auth/login_flow/0', 404, 'Invalid flow specified'), method: 'DELETE' },
      ] as BadRequest[]
    })
  })

  describe('the set-up', () => {
    const owner = { ...USER, client_id: CLIENT_ID, language: 'en' }
    const bearer = (): Record<string, string> => ({ authorization: `Bearer ${tokens.access_token}` })

    isRefused('POST /api/onboarding/users: a body that does not fit, and one that does, as there is an owner', () => [
      ...badJson({ path: '/api/onboarding/users', good: owner }),
      refused('a second owner', '/api/onboarding/users', owner, 403, 'User step already done'),
      refused(
        'a second owner with a code',
        '/api/onboarding/users',
        { ...owner, setup_code: 'x' },
        403,
        'User step already done',
      ),
    ])

    isRefused('the later steps', () => [
      ...badJson({
        path: '/api/onboarding/integration',
        headers: bearer(),
        good: { client_id: CLIENT_ID, redirect_uri: REDIRECT_URI },
      }),
      ...badJson({ path: '/api/onboarding/integration/wait', good: { domain: 'hue' } }),
      ...['core_config', 'analytics', 'integration'].map((step) =>
        refused(`${step} of nobody`, `/api/onboarding/${step}`, {}, 401, 'Unauthorized.'),
      ),
    ])

    isRefused('POST /auth/link_user', () => [
      ...badJson({ path: '/auth/link_user', headers: bearer(), good: { client_id: CLIENT_ID, code: 'x' } }),
      refused('nobody', '/auth/link_user', { client_id: CLIENT_ID, code: 'x' }, 401, 'Unauthorized.'),
      {
        ...refused('no such code', '/auth/link_user', { client_id: CLIENT_ID, code: MARKER }, 400, 'Invalid code'),
        headers: bearer(),
      },
    ])
  })

  isRefused('forms at /auth/token and /auth/revoke (C13, C14)', () => badForms(tokens))

  isRefused('authorization that is none (A24)', () => {
    const token = tokens.access_token
    const values = [
      '',
      'Bearer',
      'Bearer ',
      `Bearer  ${token}`,
      `bearer ${token}`,
      `BEARER ${token}`,
      token,
      `Basic ${token}`,
      `Bearer ${token} x`,
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer "${token}"`,
      `Bearer ${token},Bearer ${token}`,
      `Bearer ${'a'.repeat(9000)}`,
      'Bearer ..',
      `Bearer ${MARKER}`,
    ]
    return values.flatMap((authorization) =>
      ['/api/', '/auth/verify'].map((path) => ({
        name: `${path} ${authorization.slice(0, 40)}`,
        method: 'GET',
        path,
        headers: { authorization },
        status: 401,
        answer: { message: 'Unauthorized.' },
      })),
    )
  })

  isRefused('methods that a path does not know (C14, E10)', () => [
    ...badMethods('/auth/providers', ['GET']),
    ...badMethods('/auth/login_flow', ['POST']),
    ...badMethods(flowPath, ['GET', 'POST', 'DELETE']),
    ...badMethods('/auth/token', ['POST']),
    ...badMethods('/auth/revoke', ['POST']),
    ...badMethods('/api/onboarding', ['GET']),
    ...badMethods('/api/onboarding/users', ['POST']),
    ...badMethods('/api/', ['GET']),
    ...badMethods('/auth/verify', ['GET']),
    ...badMethods('/auth/link_user', ['POST']),
    ...badMethods('/.well-known/oauth-authorization-server', ['GET']),
    ...badMethods('/api/websocket', ['GET']),
  ])

  isRefused('paths that are not there (G4)', () =>
    [
      '/auth',
      '/auth/',
      '/auth/providers/',
      '/auth//providers',
      '/AUTH/providers',
      '/auth/provider%73',
      '/auth/providers%00',
      '/auth/token/',
      '/api',
      '/api/onboarding/',
      '/api/states',
      '/healthz',
      '/metrics',
      '/%zz',
      '/__proto__',
      '/constructor',
      '/*',
      '/auth/login_flow/*/x',
    ].map((path) => ({ name: path, method: 'GET', path, status: 404, answer: { message: 'Not found.' } })),
  )

  isRefused('bodies of more than 64 KiB, whatever they hold, and what 64 KiB are to each', () => {
    const paths = ['/auth/login_flow', flowPath, '/auth/token', '/auth/revoke', '/api/onboarding/users', '/api/', '/x']
    const tooLarge = { message: 'The body must not be larger than 65536 bytes.' }
    const large = (path: string, bytes: number, status: number, answer: unknown): BadRequest => ({
      name: `${bytes} bytes at ${path}`,
      method: 'POST',
      path,
      headers: { 'content-type': 'text/plain' },
      body: ' '.repeat(bytes),
      status,
      answer,
    })
    return [
      ...paths.map((path) => large(path, 64 * 1024 + 1, 413, tooLarge)),
      large('/auth/login_flow', 64 * 1024, 400, { message: 'Invalid JSON.' }),
      large('/auth/token', 64 * 1024, 400, { error: 'unsupported_grant_type' }),
      large('/auth/revoke', 64 * 1024, 200, ''),
      large('/x', 64 * 1024, 404, { message: 'Not found.' }),
    ]
  })

  test('before there is an owner nothing but the whole form makes one', async () => {
    const fresh = await start()
    const path = '/api/onboarding/users'
    const owner = { ...USER, client_id: CLIENT_ID, language: 'en' }
    const requests = [
      ...badJson({ path, good: owner }),
      ...badMethods(path, ['POST']),
      {
        name: 'no providers yet',
        method: 'GET',
        path: '/auth/providers',
        status: 400,
        answer: { message: 'Onboarding not finished', code: 'onboarding_required' },
      },
    ]
    await expectUntouched(fresh, () => expectRefused(fresh, requests))
    expect((await post(fresh.url + path, owner)).status).toBe(200)
  })

  test('the admin listener knows its own paths and methods alone, and no sockets', async () => {
    await expectUntouched(gateway, () =>
      expectRefused(
        gateway,
        [
          ...['/healthz', '/readyz', '/metrics'].flatMap((path) => badMethods(path, ['GET'])),
          ...['/', '/healthz/', '/auth/providers', '/auth/token', '/api/', '/api/websocket', '/%zz'].map((path) => ({
            name: path,
            method: 'GET',
            path,
            status: 404,
            answer: { message: 'Not found.' },
          })),
        ],
        gateway.adminUrl,
      ),
    )
  })
})
