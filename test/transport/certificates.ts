/** Certificates for a test, made by the system's openssl in a folder of the test's own. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificates {
  readonly cert: string
  readonly key: string
  /** Puts a new certificate and key for this name in the place of the former. */
  issue(name: string): void
  remove(): void
}

export const certificates = (name: string): Certificates => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-tls-'))
  const cert = join(folder, 'cert.pem')
  const key = join(folder, 'key.pem')
  const issue = (name: string): void => {
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    execFileSync('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'pipe' })
  }
  issue(name)
  return { cert, key, issue, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
