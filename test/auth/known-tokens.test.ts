/** Messages that are known by their bytes, with the whole reading of them as the judge. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mint } from '../../src/auth/jwt.ts'
import { KnownTokens } from '../../src/auth/known-tokens.ts'
import { newId } from '../../src/auth/secrets.ts'
import { authFrame, pingId } from '../../src/protocol/frames.ts'
import { parseJson } from '../../src/protocol/json.ts'
import type { GrantId } from '../../src/store/model.ts'

const key = randomBytes(32).toString('latin1')
const newToken = (): string => mint({ iss: newId<GrantId>(), iat: 1_800_000_000, exp: 1_800_001_800 }, key)
const frameOf = (token: string): Buffer => Buffer.from(JSON.stringify({ type: 'auth', access_token: token }))

/** The token of a message that is read as a whole. */
const read = (data: Uint8Array): string | null => {
  const parsed = parseJson(new TextDecoder().decode(data))
  const frame = parsed.kind === 'value' ? authFrame.safeParse(parsed.value) : null
  return frame?.success && 'access_token' in frame.data ? (frame.data.access_token ?? null) : null
}

/** A byte more, less or another, somewhere. */
const mutated = (data: Uint8Array): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.nat(data.length), fc.nat(255), fc.constantFrom('none', 'set', 'insert', 'remove'))
    .map(([at, byte, how]) => {
      const bytes = [...data]
      if (how === 'set') bytes[Math.min(at, bytes.length - 1)] = byte
      else if (how === 'insert') bytes.splice(at, 0, byte)
      else if (how === 'remove') bytes.splice(at, 1)
      return Buffer.from(bytes)
    })

describe('an auth message that is known by its bytes', () => {
  test('is found, and nothing else is: what is found reads as the same token', () => {
    const known = new KnownTokens<string>(100)
    const tokens = Array.from({ length: 20 }, newToken)
    for (const token of tokens) {
      known.add(token, token, 0, 0)
      known.keepFrame(token)
    }
    const frames = tokens.map(frameOf)
    for (const [i, frame] of frames.entries()) expect(known.getFrame(frame)?.entry).toBe(tokens[i])
    fc.assert(
      fc.property(fc.constantFrom(...frames).chain(mutated), (data) => {
        const found = known.getFrame(data)
        if (found !== undefined) expect(read(data)).toBe(found.token)
        // Every byte counts: what is not the very message is not found.
        expect(found !== undefined).toBe(frames.some((frame) => frame.equals(data)))
      }),
      { numRuns: 5000 },
    )
  })

  test('is known only once it was kept, and forgotten with its token', () => {
    const known = new KnownTokens<string>(2)
    const [first, second, third] = [newToken(), newToken(), newToken()]
    known.add(first, 'first', 0, 0)
    expect(known.getFrame(frameOf(first))).toBe(undefined)
    known.keepFrame(first)
    known.keepFrame(second)
    expect(known.getFrame(frameOf(first))?.entry).toBe('first')
    expect(known.getFrame(frameOf(second))).toBe(undefined)
    known.add(second, 'second', 0, 0)
    known.add(third, 'third', 0, 0)
    // Two have room: the first made way.
    expect(known.get(first)).toBe(undefined)
    expect(known.getFrame(frameOf(first))).toBe(undefined)
    known.add(second, 'second again', 0, 0)
    known.keepFrame(second)
    expect(known.getFrame(frameOf(second))?.entry).toBe('second again')
  })
})

describe('a ping that is known by its bytes', () => {
  test('is read as the same ping, whatever was done to it', () => {
    const messages = fc
      .tuple(fc.integer({ min: -5, max: Number.MAX_SAFE_INTEGER }), fc.constantFrom('ping', 'pong', 'pin'))
      .map(([id, type]) => Buffer.from(JSON.stringify({ id, type })))
    fc.assert(
      fc.property(messages.chain(mutated), (data) => {
        const id = pingId(data)
        if (id === 0) return
        const parsed = parseJson(new TextDecoder().decode(data))
        expect(parsed).toEqual({ kind: 'value', value: { id, type: 'ping' } })
      }),
      { numRuns: 10_000 },
    )
  })

  test.each([1, 9, 10, 4711, 999_999_999_999_999])('of id %i is known', (id) => {
    expect(pingId(Buffer.from(JSON.stringify({ id, type: 'ping' })))).toBe(id)
  })

  test.each([
    '{"id":0,"type":"ping"}',
    '{"id":01,"type":"ping"}',
    '{"id":-1,"type":"ping"}',
    '{"id":1.5,"type":"ping"}',
    '{"id":,"type":"ping"}',
    '{"id":9007199254740993,"type":"ping"}',
    '{"type":"ping","id":1}',
    '{"id":1,"type":"ping"} ',
    '',
  ])('%s has to be read', (text) => {
    expect(pingId(Buffer.from(text))).toBe(0)
  })
})
