/** The local password provider. Its type on the wire is `homeassistant`, for which clients have texts. */
import { z } from 'zod'
import type { PasswordCheck } from '../password-check.ts'
import type { AuthProvider, Verdict } from '../provider.ts'

export const LOCAL_TYPE = 'homeassistant'

/** The normal form of a user name: no blanks around it, case folded. */
export const normalizeUsername = (username: string): string =>
  // The two letters for which JavaScript's lower case is not Unicode's case folding and people have names.
  username.trim().toLowerCase().replaceAll('ß', 'ss').replaceAll('ς', 'σ')

/** Null if a new user name can be had; else what is wrong with it, as a sentence. */
export const refuseUsername = (username: string): string | null => {
  if (username === '') return 'Username must not be empty.'
  if (username.length > 200) return 'Username must not be longer than 200 characters.'
  return username !== normalizeUsername(username) || /\s/.test(username)
    ? 'Username must be lowercase and must not contain white space.'
    : null
}

const input = z.strictObject({ username: z.string(), password: z.string() })

export const localProvider = (check: PasswordCheck): AuthProvider => ({
  type: LOCAL_TYPE,
  id: null,
  name: 'Home Assistant Local',
  stepId: 'init',
  fields: [
    { type: 'string', name: 'username', required: true },
    { type: 'string', name: 'password', required: true },
  ],
  login: async (given, address): Promise<Verdict> => {
    const parsed = input.safeParse(given)
    if (!parsed.success) return { kind: 'malformed' }
    const username = normalizeUsername(parsed.data.username)
    return (await check(username, parsed.data.password, address))
      ? { kind: 'identity', subject: username, name: username }
      : { kind: 'refused', error: 'invalid_auth' }
  },
})
