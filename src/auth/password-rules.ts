/**
 * Which new passwords are refused: short ones, and those that are tried first. No rules of composition and no expiry (NIST
 * SP 800-63B section 5.1.1.2, OWASP ASVS 6.2).
 */

const SHORTEST = 8
/** Bytes: longer ones are no passwords, and no login with one is judged. */
const LONGEST = 1024

/** Words that anybody would try here first. */
const OWN_WORDS = new Set(['latchkey', 'homeassistant', 'home assistant', 'home-assistant'])

export const WEAK_PASSWORD = `The password must have at least ${SHORTEST} characters, and not be one that is tried first.`

let common: ReadonlySet<string> | null = null

/** Read at the first use: most processes never set a password. */
const commonPasswords = async (): Promise<ReadonlySet<string>> => {
  if (common === null) {
    const { dictionary } = await import('@zxcvbn-ts/language-common')
    common = new Set(dictionary['passwords-common'].filter((password) => password.length >= SHORTEST))
  }
  return common
}

/** To be asked last: who may not set a password must not learn what is thought of it. */
export const isWeakPassword = async (password: string, username: string): Promise<boolean> => {
  if ([...password].length < SHORTEST || Buffer.byteLength(password) > LONGEST) return true
  const plain = password.toLowerCase()
  return plain === username.toLowerCase() || OWN_WORDS.has(plain) || (await commonPasswords()).has(plain)
}
