/** One refresh token shown two hundred times at once. Few rounds here; `npm run crowds` for a hundred. */
import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { CLIENT_ID, closeRigs, logIn, onboard, postForm, type Tokens } from '../rig.ts'
import { describeTransports } from '../transports.ts'

afterEach(closeRigs)

const ROUNDS = Number(process.env['LATCHKEY_CROWD_ROUNDS'] ?? 3)
const CROWD = 200
const LIMIT_MS = 600_000

const newAttempt = (): string => randomBytes(16).toString('base64url')

interface Answer {
  readonly status: number
  readonly refresh_token?: string
  readonly generation?: number
  readonly error?: string
}

describeTransports('a rotating refresh token that is shown two hundred times at once', (start) => {
  const begin = async () => {
    const { url } = await start()
    await onboard(url)
    const code = await logIn(url)
    const fields = { grant_type: 'authorization_code', client_id: CLIENT_ID, code, rotate: '1' }
    const tokens = (await (await postForm(`${url}/auth/token`, fields)).json()) as Tokens
    const show = async (refresh_token: string, attempt: string | null): Promise<Answer> => {
      const more = attempt === null ? {} : { attempt }
      const shown = { grant_type: 'refresh_token', client_id: CLIENT_ID, refresh_token, ...more }
      const response = await postForm(`${url}/auth/token`, shown)
      return { status: response.status, ...((await response.json()) as object) }
    }
    return { tokens, show }
  }

  test.each([
    ['one attempt', newAttempt],
    ['no attempt', () => null],
  ])(
    'with %s makes one step, and gives one successor to all (C19)',
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
    'with as many attempts makes one step, tells the others to come again, and the session lives (C19)',
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
})
