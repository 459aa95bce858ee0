/** Every transcript of PROTOCOL.md, replayed against a gateway to the letter. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import type { OperationInput, OperationName } from '../../src/control/operations.ts'
import { askControl } from '../../src/control/socket.ts'
import { DataDir } from '../../src/datadir.ts'
import {
  authenticated,
  closeRigs,
  exchange,
  grantOf,
  logIn,
  post,
  type RawSocket,
  type Rig,
  rawSocket,
  rig,
} from '../rig.ts'

const CLIENT = 'https://example.com/app'
const ANN = { name: 'Ann', username: 'ann', password: 'correct horse' }

const document = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8')

interface Transcript {
  readonly section: string
  readonly lines: readonly string[]
}

const transcripts: Transcript[] = []
let section = ''
for (const [, heading, body] of document.matchAll(/^#+ (.+)$|^```transcript\n([\s\S]*?)^```$/gm)) {
  if (heading !== undefined) section = heading
  else transcripts.push({ section, lines: body!.trimEnd().split('\n') })
}

/** What a line says as a pattern: `…` is any text, a known `$NAME` its value, an unknown one takes what stands there. */
const pattern = (line: string, values: ReadonlyMap<string, string>): RegExp => {
  const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const source = line
    .split(/(…|\$[A-Z]+)/)
    .map((piece) => {
      if (piece === '…') return '.*?'
      if (!/^\$[A-Z]+$/.test(piece)) return escaped(piece)
      const known = values.get(piece.slice(1))
      return known === undefined ? `(?<${piece.slice(1)}>[^"]+)` : escaped(known)
    })
    .join('')
  return new RegExp(`^${source}$`, 's')
}

/** What an operator does meanwhile. */
const operate = async <N extends OperationName>(gateway: Rig, name: N, input: OperationInput<N>): Promise<void> => {
  expect(await askControl(DataDir.at(gateway.dataDir).control, name, input)).toEqual({ result: null })
}

class Replay {
  readonly #gateway: Rig
  readonly #values: Map<string, string>
  #socket: RawSocket | null = null
  #answer: Promise<string> | null = null

  constructor(gateway: Rig, values: Map<string, string>) {
    this.#gateway = gateway
    this.#values = values
  }

  async line(line: string): Promise<void> {
    const rest = line.slice(2)
    if (line === 'authenticated') await this.#authenticate()
    else if (line === 'authenticated as bob') await this.#authenticateBob()
    else if (line === 'bob may only read from now on') await this.#restrictBob()
    else if (line === 'eve is approved') await operate(this.#gateway, 'user.approve', { user: 'eve' })
    else if (line.startsWith('> ')) this.#answer = this.#request(this.#fill(rest))
    else if (line.startsWith('< ')) this.#compare(rest, await this.#answer!)
    else if (line.startsWith('C ')) this.#open().send(this.#fill(rest))
    else if (line.startsWith('S close ')) expect(`close ${(await this.#open().closed).code}`).toBe(rest)
    else if (line.startsWith('S ')) this.#compare(rest, await this.#open().nextText())
    else throw new SyntaxError(`no line of a transcript: ${line}`)
  }

  end(): void {
    this.#socket?.socket.terminate()
  }

  #open(): RawSocket {
    this.#socket ??= rawSocket(this.#gateway.url)
    return this.#socket
  }

  async #authenticate(): Promise<void> {
    const socket = this.#open()
    await socket.next()
    socket.send({ type: 'auth', access_token: this.#values.get('ACCESS') })
    expect(await socket.next()).toMatchObject({ type: 'auth_ok' })
  }

  async #authenticateBob(): Promise<void> {
    const { url, dataDir } = this.#gateway
    const bob = { username: 'bob', name: 'Bob', password: ANN.password }
    const { control } = DataDir.at(dataDir)
    const added = await askControl(control, 'user.add', { ...bob, role: 'user', local_only: false })
    if (added === null || !('result' in added)) throw new Error(JSON.stringify(added))
    this.#values.set('BOB', added.result.id)
    const { access_token } = await exchange(url, await logIn(url, CLIENT, CLIENT, bob), CLIENT)
    this.#socket = await authenticated(url, access_token)
  }

  /** Ann does it, on a socket of hers. */
  async #restrictBob(): Promise<void> {
    const ann = await authenticated(this.#gateway.url, this.#values.get('ACCESS')!)
    ann.send({ id: 1, type: 'config/auth/update', user_id: this.#values.get('BOB'), group_ids: ['system-read-only'] })
    expect(await ann.next()).toMatchObject({ success: true })
    ann.socket.terminate()
  }

  #fill(text: string): string {
    return text.replace(/\$([A-Z]+)/g, (_, name: string) => {
      const value = this.#values.get(name)
      if (value === undefined) throw new ReferenceError(`$${name} is not known yet`)
      return value
    })
  }

  #compare(expected: string, actual: string): void {
    const found = pattern(expected, this.#values).exec(actual)
    if (found === null) expect(actual).toBe(expected)
    for (const [name, value] of Object.entries(found?.groups ?? {})) this.#values.set(name, value)
  }

  async #request(line: string): Promise<string> {
    const [, method, path, body] = /^(\w+) (\S+) ?(.*)$/.exec(line)!
    const form = body !== '' && !body!.startsWith('{')
    const response = await fetch(`${this.#gateway.url}${path}`, {
      method: method!,
      ...(body === '' ? {} : { body: body! }),
      ...(form ? { headers: { 'content-type': 'application/x-www-form-urlencoded' } } : {}),
    })
    return `${response.status} ${await response.text()}`.trimEnd()
  }
}

afterEach(closeRigs)

test('the document has transcripts of every phase', () => {
  expect(new Set(transcripts.map(({ section: named }) => named[0]))).toEqual(new Set(['2', '3', '4']))
})

describe('transcripts of PROTOCOL.md', () => {
  test('2: from the first user to a revoked token, one after the other', async () => {
    const gateway = await rig()
    const values = new Map<string, string>()
    for (const { lines } of transcripts.filter(({ section: named }) => named.startsWith('2'))) {
      // A code is shown anew in each part.
      if (lines.some((line) => line.startsWith('< ') && line.includes('$CODE'))) values.delete('CODE')
      const replay = new Replay(gateway, values)
      for (const line of lines) await replay.line(line)
    }
  })

  test.each(transcripts.filter(({ section: named }) => !named.startsWith('2')))('$section', async ({ lines }) => {
    const gateway = await rig()
    await post(`${gateway.url}/api/onboarding/users`, { ...ANN, language: 'en', client_id: CLIENT })
    const tokens = await exchange(gateway.url, await logIn(gateway.url, CLIENT, CLIENT, ANN), CLIENT)
    await operate(gateway, 'credential.add', { username: 'eve', password: ANN.password })
    const values = new Map([
      ['ACCESS', tokens.access_token],
      ['REFRESH', tokens.refresh_token],
      ['GRANT', grantOf(tokens.access_token)],
    ])
    const replay = new Replay(gateway, values)
    for (const line of lines) await replay.line(line)
    replay.end()
  })
})
