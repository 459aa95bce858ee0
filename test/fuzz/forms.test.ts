/** No form makes the token or the revocation endpoint throw, and none that is not whole gives or ends anything. */
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { expectWell } from '../gateway/untouched.ts'
import { anotherSession, CLIENT_ID, closeRigs, rig, session } from '../rig.ts'
import { mutatedBytes, mutatedText, settings } from './mutations.ts'

afterEach(closeRigs)

const URLENCODED = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data; boundary=frontier'

type Fields = Readonly<Record<string, string>>

const inParts = (fields: Fields): string => {
  const part = ([name, value]: readonly [string, string]) =>
    `--frontier\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  return `${Object.entries(fields).map(part).join('')}--frontier--\r\n`
}

test('whatever is posted as a form is served or refused as OAuth says (G8, C14)', async () => {
  const gateway = await rig()
  const kept = await session(gateway.url)
  const victim = await anotherSession(gateway.url)
  const good: readonly Fields[] = [
    {
      grant_type: 'authorization_code',
      client_id: CLIENT_ID,
      code: '0'.repeat(64),
      redirect_uri: 'https://a.example/',
    },
    { grant_type: 'authorization_code', client_id: CLIENT_ID, code: 'x', code_verifier: 'v'.repeat(43) },
    { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: kept.refresh_token },
    { grant_type: 'refresh_token', refresh_token: victim.refresh_token },
    { action: 'revoke', token: victim.refresh_token },
    { token: victim.access_token },
  ]
  const request = fc.tuple(fc.constantFrom(...good), fc.boolean()).chain(([fields, parts]) => {
    const whole = parts ? inParts(fields) : new URLSearchParams({ ...fields }).toString()
    const text = fc.constant(whole)
    return fc.record({
      path: fc.constantFrom('/auth/token', '/auth/revoke'),
      type: fc.oneof(
        { weight: 6, arbitrary: fc.constant(parts ? MULTIPART : URLENCODED) },
        { weight: 1, arbitrary: mutatedText(fc.constant(MULTIPART)).map((type) => type.replace(/[^\x20-\x7e]/g, '')) },
        { weight: 1, arbitrary: fc.constantFrom(URLENCODED.toUpperCase(), `${URLENCODED}; charset=x`, MULTIPART, 'x') },
      ),
      body: fc.oneof(
        { weight: 1, arbitrary: text },
        { weight: 3, arbitrary: mutatedText(text) },
        { weight: 2, arbitrary: mutatedBytes(text) },
        { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
      ),
    })
  })
  const property = fc.asyncProperty(request, async ({ path, type, body }) => {
    const response = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': type },
      body: body as string,
    })
    const text = await response.text()
    const answer = text === '' ? null : (JSON.parse(text) as Record<string, unknown>)
    if (response.status === 200 && answer === null) return
    if (response.status === 200) {
      // Only whoever has the whole refresh token gets anything.
      expect(path).toBe('/auth/token')
      expect(answer).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 1800 })
      expect(Buffer.from(body).toString('latin1')).toContain(kept.refresh_token.slice(6, -9))
      return
    }
    expect(response.status).toBe(400)
    expect(['invalid_request', 'invalid_grant', 'unsupported_grant_type']).toContain(answer!['error'])
    expect(Object.keys(answer!).filter((key) => key !== 'error' && key !== 'error_description')).toEqual([])
  })
  await fc.assert(property, settings(800))
  await expectWell(gateway)
  const fields = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token: kept.refresh_token }
  const still = await fetch(`${gateway.url}/auth/token`, { method: 'POST', body: new URLSearchParams(fields) })
  expect(still.status).toBe(200)
})
