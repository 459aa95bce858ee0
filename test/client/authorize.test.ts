/** The way to the login page and back: what the address holds, and whose answers are taken. */
import { createHash } from 'node:crypto'
import { afterEach, expect, test, vi } from 'vitest'
import { authorize, codeFrom } from '../../src/client/index.ts'
import { CLIENT_ID, REDIRECT_URI } from '../rig.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

test('the login page’s address holds the request, a challenge for its verifier, and a state of its own', async () => {
  const options = { host: 'https://auth.example.org/', clientId: CLIENT_ID, redirectUri: REDIRECT_URI }
  const { url, state, verifier } = await authorize(options)
  expect(url.split('?')[0]).toBe('https://auth.example.org/auth/authorize')
  expect(Object.fromEntries(new URL(url).searchParams)).toEqual({
    response_type: 'code',
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    state,
    code_challenge: createHash('sha256').update(verifier!).digest('base64url'),
    code_challenge_method: 'S256',
  })
  expect([state, verifier]).toEqual([expect.stringMatching(/^[\w-]{43}$/), expect.stringMatching(/^[\w-]{43}$/)])
  const other = await authorize(options)
  expect(new Set([state, verifier, other.state, other.verifier]).size).toBe(4)
})

test('an address that the browser comes back to gives its code to the tab that asked for it alone', () => {
  const back = `${REDIRECT_URI}?code=abc&state=mine`
  expect(codeFrom(back, 'mine')).toBe('abc')
  expect(codeFrom(REDIRECT_URI, 'mine')).toBeNull()
  for (const state of ['other', '', null])
    expect(() => codeFrom(back, state)).toThrowError(expect.objectContaining({ code: 'wrong_state' }))
  expect(() => codeFrom(`${REDIRECT_URI}?code=abc`, null)).toThrowError(
    expect.objectContaining({ code: 'wrong_state' }),
  )
  expect(() => codeFrom(`${REDIRECT_URI}?error=access_denied&state=mine`, 'mine')).toThrowError(
    expect.objectContaining({ name: 'TokenRefused', code: 'access_denied' }),
  )
})

test('where the platform has no crypto.subtle a login with PKCE is refused, and one without is not', async () => {
  const { crypto } = globalThis
  vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes) })
  const options = { host: 'http://auth.lan', clientId: CLIENT_ID, redirectUri: REDIRECT_URI }
  await expect(authorize(options)).rejects.toThrow('PKCE needs crypto.subtle')
  const { url, state, verifier } = await authorize({ ...options, pkce: false })
  expect(verifier).toBeNull()
  expect(Object.fromEntries(new URL(url).searchParams)).toEqual({
    response_type: 'code',
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    state,
  })
})
