/** No JSON body makes an endpoint throw: it is served, or refused with a sentence. And the reader and the schemas alone. */
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { commands } from '../../src/protocol/commands.ts'
import { MAX_DEPTH, parseJson } from '../../src/protocol/json.ts'
import { describeIssues } from '../../src/protocol/validation.ts'
import { startFlow } from '../gateway/people.ts'
import { expectWell } from '../gateway/untouched.ts'
import { CLIENT_ID, closeRigs, REDIRECT_URI, rig, session, USER } from '../rig.ts'
import { anyValue, mutatedBytes, mutatedFields, mutatedText, settings } from './mutations.ts'

afterEach(closeRigs)

const REFUSALS = [400, 401, 403, 404, 405, 409, 413]

test('whatever is posted as JSON is served or refused with a sentence (G8, F7)', async () => {
  const gateway = await rig({ 'limits.login_flows.per_address': '100000', 'limits.login_flows.total': '100000' })
  const { access_token } = await session(gateway.url)
  const { flow_id } = (await (await startFlow(gateway.url)).json()) as { flow_id: string }
  const start = { client_id: CLIENT_ID, handler: ['homeassistant', null], redirect_uri: REDIRECT_URI, type: 'x' }
  const good: readonly (readonly [path: string, fields: Readonly<Record<string, unknown>>])[] = [
    ['/auth/login_flow', start],
    [`/auth/login_flow/${flow_id}`, { client_id: CLIENT_ID, username: USER.username, password: 'wrong' }],
    ['/api/onboarding/users', { ...USER, client_id: CLIENT_ID, language: 'en', setup_code: 'x' }],
    ['/api/onboarding/integration/wait', { domain: 'x' }],
    ['/api/onboarding/integration', { client_id: CLIENT_ID, redirect_uri: 'https://other.example/' }],
    ['/auth/link_user', { client_id: CLIENT_ID, code: 'x' }],
  ]
  const request = fc.constantFrom(...good).chain(([path, fields]) => {
    const json = mutatedFields(fc.constant(fields)).map((value) => JSON.stringify(value))
    const body = fc.oneof(
      { weight: 3, arbitrary: json },
      { weight: 1, arbitrary: mutatedText(json) },
      { weight: 1, arbitrary: mutatedBytes(json) },
      { weight: 1, arbitrary: anyValue.map((value) => JSON.stringify(value)) },
    )
    const id = fc.string({ unit: 'binary-ascii', maxLength: 10 }).map(encodeURIComponent)
    return fc.record({
      path: fc.oneof(
        fc.constant(path),
        id.map((id) => `/auth/login_flow/${id}`),
      ),
      body,
    })
  })
  const property = fc.asyncProperty(request, async ({ path, body }) => {
    const response = await fetch(gateway.url + path, {
      method: 'POST',
      body: body as string,
      headers: { authorization: `Bearer ${access_token}` },
    })
    const text = await response.text()
    expect([200, ...REFUSALS]).toContain(response.status)
    const answer = JSON.parse(text) as { message?: unknown }
    if (response.status !== 200) expect(answer).toEqual({ message: expect.any(String) })
  })
  await fc.assert(property, settings(700))
  await expectWell(gateway)
})

test('the reader never throws, and gives what JSON.parse gives or nothing', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    mutatedText(fc.json({ maxDepth: 4 })),
    fc.nat(MAX_DEPTH + 5).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  )
  fc.assert(
    fc.property(text, (text) => {
      const parsed = parseJson(text)
      if (parsed.kind !== 'malformed') expect(parsed.value).toEqual(JSON.parse(text))
    }),
    settings(5000),
  )
})

test('the reader takes every value that is well formed, and notices poisonous keys at any place (A15)', () => {
  const poison = fc.constantFrom('__proto__', 'constructor', 'prototype')
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), poison, fc.nat(5), (json, key, depth) => {
      const wellFormed = json.isWellFormed() && !/\\ud[89a-f]/i.test(json)
      const poisoned = /"(__proto__|constructor|prototype)":/.test(json)
      if (wellFormed && !poisoned) expect(parseJson(json)).toEqual({ kind: 'value', value: JSON.parse(json) })
      const deep = `${'[{"a":'.repeat(depth)}{"${key}":1}${'}]'.repeat(depth)}`
      expect(parseJson(deep).kind).toBe('forbidden')
    }),
    settings(2000),
  )
})

test('the schema of every command judges every message, in a sentence that repeats nothing of it (A26)', () => {
  const marker = 'marker-7f3a'
  const marked = fc.oneof(anyValue, fc.constant(marker), fc.constant({ [marker]: marker }), fc.constant([marker]))
  const asked = fc.constantFrom(...commands).chain(([type, command]) => {
    const fields = Object.fromEntries(Object.keys(command.input).map((name) => [name, marked]))
    const known = fc.record({ id: marked, type: fc.constant(type), ...fields }, { requiredKeys: [] })
    const extra = fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: marked })
    return fc.record({ command: fc.constant(command), known, extra })
  })
  fc.assert(
    fc.property(asked, ({ command, known, extra }) => {
      const message = extra === undefined ? known : { ...known, [marker]: extra }
      const parsed = command.schema.safeParse(message)
      if (parsed.success) return
      const sentence = describeIssues(parsed.error, message)
      expect(sentence).not.toContain(marker)
      expect(sentence.length).toBeLessThan(120)
    }),
    settings(5000),
  )
})
