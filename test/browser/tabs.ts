/** An application on an origin of its own that uses the client library as it is built: its tabs share a session. */
import { readFile } from 'node:fs/promises'
import type { Page } from '@playwright/test'
import { expect } from 'vitest'
import type { Token } from '../../src/client/index.ts'
import type { SessionEvent } from '../../src/protocol/sessions.ts'
import { served, type Visit, visit } from './browser.ts'

const types: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript' }

const here = (path: string): URL => new URL(path, import.meta.url)

const files: Readonly<Record<string, URL>> = {
  '/': here('tab/index.html'),
  '/tab.js': here('tab/tab.js'),
  // The example's store: what its readers copy is what is tested.
  '/kept.js': here('../../examples/page/kept.js'),
}

const fileOf = (path: string): URL | undefined =>
  path.startsWith('/latchkey/') ? here(`../../dist/${path.slice('/latchkey/'.length)}`) : files[path]

/** Serves the page of the tabs until the test ends; resolves to its origin. */
export const serveTabs = async (): Promise<string> => {
  const host = await served(async (request, response) => {
    const file = fileOf(new URL(request.url!, 'http://localhost').pathname)
    if (file === undefined) response.writeHead(404).end()
    else response.setHeader('content-type', types[file.pathname.split('.').at(-1)!]!).end(await readFile(file))
  })
  return `http://${host}`
}

interface PlainError {
  readonly name: string
  readonly message: string
  readonly code: string | number | null
}

/** What a tab was told. */
export type Note =
  | { readonly told: 'connecting' }
  | { readonly told: 'open'; readonly again: boolean }
  | { readonly told: 'waiting'; readonly ms: number; readonly error: PlainError }
  | { readonly told: 'closed'; readonly next: string | null; readonly cause: PlainError | null }
  | { readonly told: 'event'; readonly event: SessionEvent }

type Told<K extends Note['told']> = Extract<Note, { told: K }>

export interface Tab {
  readonly page: Page
  /** All that it was told so far. */
  readonly notes: readonly Note[]
  /** The next note of that kind that was not taken yet; those before it are passed over. */
  until<K extends Note['told']>(told: K): Promise<Told<K>>
  /** Resolves to the status of a request with the session's token. */
  request(path: string): Promise<number>
  command(type: string, fields?: object): Promise<unknown>
  /** What is kept of the session now. */
  kept(): Promise<Token | null>
}

export interface TabbedApplication extends Pick<Visit, 'context' | 'wrong'> {
  readonly clientId: string
  /** A tab with the session that the tabs share; with `token`, which may hold anything a session keeps, they share that one. */
  open(host: string, token?: Token): Promise<Tab>
  /** A tab with an access token alone. */
  openWith(host: string, accessToken: string): Promise<Tab>
}

const calling = (name: string, ...args: readonly unknown[]): string =>
  `tab.${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`

/** A browser profile with an application. The clocks of its pages can be moved: `context.clock`. */
export const tabbedApplication = async (): Promise<TabbedApplication> => {
  const origin = await serveTabs()
  const { context, page: first, wrong } = await visit()
  await context.clock.install()
  const heard = new Map<Page, (note: Note) => void>()
  await context.exposeBinding('note', ({ page }, note: Note) => heard.get(page)?.(note))
  let unused: Page | null = first

  const tabOf = async (begin: string): Promise<Tab> => {
    const page = unused ?? (await context.newPage())
    unused = null
    const notes: Note[] = []
    let taken = 0
    let changed: () => void = () => undefined
    heard.set(page, (note) => {
      notes.push(note)
      changed()
    })
    await page.goto(`${origin}/`)
    await page.evaluate(begin)
    const call = <T>(name: string, ...args: readonly unknown[]): Promise<T> => page.evaluate(calling(name, ...args))
    return {
      page,
      notes,
      until: async <K extends Note['told']>(told: K) => {
        for (;;) {
          const at = notes.findIndex((note, i) => i >= taken && note.told === told)
          if (at !== -1) {
            taken = at + 1
            return notes[at] as Told<K>
          }
          await new Promise<void>((resolve) => {
            changed = resolve
          })
        }
      },
      request: (path) => call('request', path),
      command: (type, fields = {}) => call('command', type, fields),
      kept: () => call('kept'),
    }
  }

  const clientId = `${origin}/`
  return {
    context,
    wrong,
    clientId,
    open: (host, token) => tabOf(calling('session', host, clientId, token ?? null)),
    openWith: (host, accessToken) => tabOf(calling('bearer', host, accessToken)),
  }
}

/** That connections were lost is what Chromium has to say of it; anything else is wrong. */
export const onlyLosses = (wrong: string[]): void => {
  expect(
    wrong.filter((text) => !/net::ERR_|WebSocket connection to |WebSocket is already in CLOSING/.test(text)),
  ).toEqual([])
  wrong.length = 0
}
