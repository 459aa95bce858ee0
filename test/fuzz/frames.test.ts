/** No frame makes the socket throw: every message is answered once, or the socket closes with a code that says why. */
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { commands } from '../../src/protocol/commands.ts'
import { isCommandId } from '../../src/protocol/frames.ts'
import { parseJson } from '../../src/protocol/json.ts'
import { fieldsOf } from '../gateway/bad-commands.ts'
import { expectWell } from '../gateway/untouched.ts'
import { anotherSession, authenticated, closeRigs, type RawSocket, type Rig, rawSocket, rig, session } from '../rig.ts'
import { anyValue, mutatedFields, mutatedText, settings } from './mutations.ts'

afterEach(closeRigs)

const LAST = Number.MAX_SAFE_INTEGER

const goodCommand = fc
  .tuple(fc.integer({ min: 1, max: 50 }), fc.constantFrom(...Object.entries(fieldsOf)))
  .map(([id, [type, fields]]) => ({
    id,
    type,
    ...Object.fromEntries(Object.entries(fields).map(([name, { good }]) => [name, good])),
  }))

const command = mutatedFields(goodCommand)

const frame: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: command.map((value) => JSON.stringify(value)) },
  { weight: 2, arbitrary: fc.array(fc.oneof(command, anyValue), { maxLength: 5 }).map((all) => JSON.stringify(all)) },
  { weight: 2, arbitrary: anyValue.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: mutatedText(command.map((value) => JSON.stringify(value))) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
)

/** How many answers a frame gets; null where it ends the socket. */
const answersTo = (text: string): number | null => {
  // What is sent are bytes: a lone surrogate is none.
  const parsed = parseJson(Buffer.from(text).toString())
  if (parsed.kind === 'malformed') return null
  return parsed.kind === 'value' && Array.isArray(parsed.value) ? parsed.value.length : 1
}

/** Takes messages until so many answers have come; null if the socket closed before. */
const take = async (raw: RawSocket, count: number): Promise<unknown[] | null> => {
  const answers: unknown[] = []
  while (answers.length < count) {
    const message = await raw.next().catch(() => null)
    if (message === null) return null
    const all = (Array.isArray(message) ? message : [message]) as { type: string }[]
    answers.push(...all.filter(({ type }) => type !== 'event'))
  }
  return answers
}

const isAnswer = (answer: unknown): boolean => {
  const { type, success, error } = answer as { type: string; success?: boolean; error?: object }
  return type === 'pong' || (type === 'result' && (success === true || error !== undefined))
}

test('whatever follows a good auth: each message is answered once, or the socket ends', async () => {
  const gateway: Rig = await rig({ 'limits.messages_per_second': '1000000' })
  let { access_token } = await session(gateway.url)
  const admitted = (): Promise<RawSocket> =>
    authenticated(gateway.url, access_token).catch(async () => {
      // The run before ended it.
      access_token = (await anotherSession(gateway.url)).access_token
      return authenticated(gateway.url, access_token)
    })
  const property = fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), async (frames) => {
    const raw = await admitted()
    for (const text of frames) raw.socket.send(text)
    raw.send({ id: LAST, type: 'ping' })
    const counts = frames.map(answersTo)
    const answers = await take(
      raw,
      counts.reduce<number>((sum, count) => sum + (count ?? 0), 1),
    )
    if (answers === null) {
      const { code } = await raw.closed
      // Some commands end the very session.
      if (code !== 4200) expect([code, counts.includes(null)]).toEqual([4300, true])
    } else {
      expect(counts).not.toContain(null)
      expect(answers.filter((answer) => !isAnswer(answer))).toEqual([])
    }
    raw.socket.terminate()
  })
  await fc.assert(property, settings(400))
  await expectWell(gateway)
})

/** A message that can be a command which anyone may send. */
const isOpenCommand = (message: { id?: unknown; type?: unknown } | null): boolean =>
  isCommandId(message?.id) && commands.get(String(message?.type))?.needs === 'anyone'

test('nothing but a good token is let in, and what is refused hears one sentence at most', async () => {
  const gateway = await rig({ 'limits.unauthenticated_sockets.per_address': '100000' })
  const { access_token } = await session(gateway.url)
  const auth = fc.constant({ type: 'auth', access_token })
  const first = fc.oneof(
    { weight: 4, arbitrary: mutatedFields(auth).map((value) => JSON.stringify(value)) },
    { weight: 4, arbitrary: mutatedText(auth.map((value) => JSON.stringify(value))) },
    { weight: 1, arbitrary: frame },
  )
  const property = fc.asyncProperty(first, fc.boolean(), async (text, binary) => {
    const raw = rawSocket(gateway.url)
    await raw.next()
    raw.socket.send(binary ? Buffer.from(text) : text, { binary })
    raw.send({ id: 1, type: 'ping' })
    const message = (await raw.next().catch(() => null)) as { type: string } | null
    if (message?.type === 'result' || message?.type === 'pong') {
      // What anyone may ask is answered, and lets nobody in.
      expect([binary, isOpenCommand(JSON.parse(text))]).toEqual([false, true])
      raw.send({ id: 2 ** 53 - 1, type: 'auth/current_user' })
      expect((await raw.closed).code).toBe(4300)
    } else if (message?.type === 'auth_ok') {
      // Of two keys of a name the last counts, so the text may be another than the one that it began with.
      expect([binary, JSON.parse(text)]).toEqual([false, { type: 'auth', access_token }])
      expect(await raw.next()).toEqual({ id: 1, type: 'pong' })
    } else {
      const { code } = await raw.closed
      const refused = ['Invalid access token or password', 'Auth message incorrectly formatted']
      const wanted =
        message === null ? (binary ? 1003 : 4300) : (message as never)['message'] === refused[0] ? 4202 : 4300
      expect(code).toBe(wanted)
      if (message !== null) {
        expect(message).toEqual({ type: 'auth_invalid', message: wanted === 4202 ? refused[0] : refused[1] })
      }
      // Nothing after it.
      expect(await raw.next().catch(() => null)).toBeNull()
    }
    raw.socket.terminate()
  })
  await fc.assert(property, settings(600))
  await expectWell(gateway)
})
