/** Texts that nobody guesses. */

export const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

/** 256 random bits as base64url. */
export const randomText = (): string => base64url(crypto.getRandomValues(new Uint8Array(32)))
