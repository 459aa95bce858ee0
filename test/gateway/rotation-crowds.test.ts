/**
 * One refresh token shown two hundred times at once, and ten thousand that are none of its session. Few rounds and few
 * thousands here; `npm run crowds` for a hundred and for all.
 */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { CLIENT_ID, closeRigs, logIn, onboard, postForm, type Tokens } from '../rig.ts'
import { describeTransports } from '../transports.ts'
import { expectUntouched } from './untouched.ts'

afterEach(closeRigs)

const ROUNDS = Number(process.env['LATCHKEY_CROWD_ROUNDS'] ?? 3)
const CROWD = 200
/** Of tokens that are not right. */
const FLOOD = Math.min(100 * ROUNDS, 10_000)
const LIMIT_MS = 600_000

const newAttempt = (): string => randomBytes(16).toString('base64url')

interface Answer {
  readonly status: number
  readonly refresh_token?: string
  readonly generation?: number
  readonly error?: string
}

describeTransports('a rotating refresh token', (start) => {
  const begin = async () => {
    const gateway = await start()
    await onboard(gateway.url)
    const code = await logIn(gateway.url)
    const fields = { grant_type: 'authorization_code', client_id: CLIENT_ID, code, rotate: '1' }
    const tokens = (await (await postForm(`${gateway.url}/auth/token`, fields)).json()) as Tokens
    const show = async (refresh_token: string, attempt: string | null, client_id = CLIENT_ID): Promise<Answer> => {
      const more = attempt === null ? {} : { attempt }
      const shown = { grant_type: 'refresh_token', client_id, refresh_token, ...more }
      const response = await postForm(`${gateway.url}/auth/token`, shown)
      return { status: response.status, ...((await response.json()) as object) }
    }
    return { gateway, tokens, show }
  }

  test.each([
    ['one attempt', newAttempt],
    ['no attempt', () => null],
  ])(
    'shown two hundred times at once with %s makes one step, and gives one successor to all (C19)',
    async (_, make) => {
      const { tokens, show } = await begin()
      let token = tokens.refresh_token
      for (let round = 1; round <= ROUNDS; round++) {
        const attempt = make()
        const answers = await Promise.all(Array.from({ length: CROWD }, () => show(token, attempt)))
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
        expect(new Set(answers.map(({ generation }) => generation))).toEqual(new Set([round]))
        const successors = new Set(answers.map(({ refresh_token }) => refresh_token))
        expect(successors.size).toBe(1)
        token = [...successors][0]!
      }
    },
    LIMIT_MS,
  )

  test(
    'shown two hundred times at once with as many attempts makes one step, tells the others to come again, and the session lives (C19)',
    async () => {
      const { tokens, show } = await begin()
      let token = tokens.refresh_token
      for (let round = 1; round <= ROUNDS; round++) {
        const answers = await Promise.all(Array.from({ length: CROWD }, () => show(token, newAttempt())))
        const good = answers.filter(({ status }) => status === 200)
        expect(good.map(({ generation }) => generation)).toEqual([round])
        const others = answers.filter(({ status }) => status !== 200)
        expect(others).toHaveLength(CROWD - 1)
        for (const { status, error } of others) expect([status, error]).toEqual([503, 'temporarily_unavailable'])
        token = good[0]!.refresh_token!
      }
      expect((await show(token, newAttempt())).status).toBe(200)
    },
    LIMIT_MS,
  )

  test(
    `lives on under ${FLOOD} of a wrong MAC, of another client and with an attempt that is none, and nothing is written`,
    async () => {
      const { gateway, tokens, show } = await begin()
      const { refresh_token } = tokens
      // Any one character of the MAC another; the checksum is right, so that the MAC is looked at.
      const forge = (n: number): string => {
        const at = refresh_token.length - 10 - (n % 43)
        const body = `${refresh_token.slice(0, at)}${refresh_token[at] === 'A' ? 'B' : 'A'}${refresh_token.slice(at + 1, -9)}`
        return `${body}.${crc32(body).toString(16).padStart(8, '0')}`
      }
      const wrong: readonly [(n: number) => Promise<Answer>, string][] = [
        [(n) => show(forge(n), newAttempt()), 'invalid_grant'],
        [(n) => show(refresh_token, newAttempt(), `https://${n}.example/`), 'invalid_request'],
        [(n) => show(refresh_token, `${n}!`.padStart(22, 'x')), 'invalid_request'],
      ]
      await expectUntouched(gateway, async () => {
        for (let begun = 0; begun < FLOOD; begun += 50) {
          const asked = Array.from({ length: 50 }, (_, i) => wrong[(begun + i) % 3]![0](begun + i))
          for (const [i, { status, error }] of (await Promise.all(asked)).entries()) {
            expect([status, error]).toEqual([400, wrong[(begun + i) % 3]![1]])
          }
        }
      })
      expect(await show(refresh_token, newAttempt())).toMatchObject({ status: 200, generation: 1 })
    },
    LIMIT_MS,
  )
})
