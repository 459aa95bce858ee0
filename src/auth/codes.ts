/** Authorization codes: made at the end of a login, taken once by the client that they were made for. */
import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { AuthCode, CredentialId, Purpose, UserId } from '../store/model.ts'
import type { Codes } from '../store/store.ts'
import { codeDigest, newCode, sameText } from './secrets.ts'

export interface CodeRequest {
  readonly clientId: string
  readonly credentialId: CredentialId
  readonly userId: UserId
  readonly redirectUri: string | null
  readonly challenge: string | null
  readonly purpose: Purpose
}

/** A new code and what is to be kept of it. */
export const makeCode = (request: CodeRequest, lifetimeMs: number, now: number): { code: string; kept: AuthCode } => {
  const code = newCode()
  return { code, kept: { ...request, hash: codeDigest(request.clientId, code), expiresAt: now + lifetimeMs } }
}

/** 43 to 128 unreserved characters (RFC 7636 section 4.1). */
const CODE_VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/
/** A SHA-256 in base64url. */
export const CODE_CHALLENGE = /^[A-Za-z0-9_-]{43}$/

/** RFC 7636 section 4.6, S256 alone. A verifier without a challenge is refused too (RFC 9700 section 2.1.1). */
const provesPossession = (challenge: string | null, verifier: string | undefined): boolean => {
  if (challenge === null) return verifier === undefined
  if (verifier === undefined || !CODE_VERIFIER.test(verifier)) return false
  return sameText(createHash('sha256').update(verifier, 'ascii').digest('base64url'), challenge)
}

export interface Presented {
  readonly purpose: Purpose
  readonly clientId: string
  readonly code: string
  readonly redirectUri?: string | undefined
  readonly verifier?: string | undefined
}

/**
 * Takes a code. `unknown`: no such code for this client and purpose, expired, or presented before, when the grant made from it
 * ends; `invalid`: it was taken now, but the redirect address or the PKCE verifier is not the one that it is bound to.
 */
export const redeem = async (
  codes: Codes,
  clock: Clock,
  presented: Presented,
): Promise<AuthCode | 'unknown' | 'invalid'> => {
  const code = await codes.take(codeDigest(presented.clientId, presented.code))
  if (code === null || code === 'reused' || clock.now() >= code.expiresAt) return 'unknown'
  if (code.purpose !== presented.purpose) return 'unknown'
  // A code of the set-up has no redirect address: it was given to the caller itself.
  const bound = code.redirectUri !== null && presented.redirectUri !== undefined
  if (bound && presented.redirectUri !== code.redirectUri) return 'invalid'
  return provesPossession(code.challenge, presented.verifier) ? code : 'invalid'
}
