/** Certificate and key from their files, looked at before anything is served with them. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Paths of PEM files: the certificate with its chain, and its key. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
}

export interface TlsPair {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Files that cannot be served with; the message is one line for the operator. */
export class TlsRefused extends Error {
  override readonly name = 'TlsRefused'
}

const read = (what: string, path: string): Buffer => {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new TlsRefused(`${what}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

const parse = <T>(what: string, path: string, make: () => T): T => {
  try {
    return make()
  } catch {
    throw new TlsRefused(`${what}: ${path} holds no PEM ${what === 'server.tls.cert' ? 'certificate' : 'private key'}`)
  }
}

/** Throws `TlsRefused` where a file is missing, is something else, or the two do not belong together. */
export const readTls = (files: TlsFiles): TlsPair => {
  const cert = read('server.tls.cert', files.cert)
  const key = read('server.tls.key', files.key)
  const certificate = parse('server.tls.cert', files.cert, () => new X509Certificate(cert))
  const privateKey = parse('server.tls.key', files.key, () => createPrivateKey(key))
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new TlsRefused(`server.tls.key: ${files.key} is not the key of the certificate in ${files.cert}`)
  }
  return { cert, key }
}
