/** What it takes to know a token: by the bytes of the message that shows it, and where nobody has seen it before. */
import { Verifier } from '../../src/auth/verifier.ts'
import { systemClock } from '../../src/clock.ts'
import type { Bench } from './gateway.ts'
import type { Case, Operation } from './measure.ts'

const authMessage = (token: string): Buffer => Buffer.from(JSON.stringify({ type: 'auth', access_token: token }))

/** `json` and `hmac`: the baselines of a message and of a token. */
export const verifierCases = async (
  { store, feed, keys, tokens, newToken }: Bench,
  json: (bytes: Uint8Array) => Operation,
  hmac: (token: string) => Operation,
): Promise<readonly Case[]> => {
  const verifier = new Verifier(store.tokens, feed, keys, systemClock)
  const { access_token: known } = tokens
  await verifier.verify(known)
  verifier.keepFrame(known)
  const message = authMessage(known)
  let fresh: string[] = []
  return [
    {
      name: 'verifier: a known token, by its message',
      run: (times) => {
        for (let i = 0; i < times; i++) if (verifier.knownFrame(message) === undefined) throw new Error('not known')
      },
      against: 'JSON of that message',
      baseline: json(message),
    },
    {
      name: 'verifier: a token not seen before',
      prepare: (times) => {
        fresh = Array.from({ length: times }, newToken)
      },
      run: async (times) => {
        for (let i = 0; i < times; i++) if ((await verifier.verify(fresh.pop()!)) === null) throw new Error('not good')
      },
      against: 'the HMAC alone',
      baseline: hmac(known),
    },
  ]
}
