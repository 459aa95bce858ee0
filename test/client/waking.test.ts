/** A page that comes back to the screen or into a network finds out at once what became of its socket. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { closeConnections, closeScripted, Manager, scriptedServer, turn, watch } from './tools.ts'

afterEach(async () => {
  closeConnections()
  await closeScripted()
  // Connections take their listeners back when they end.
  vi.unstubAllGlobals()
})

/** As a page's window and document, where they are used; `listening` are the events that somebody waits for. */
const stubPage = () => {
  const listening: string[] = []
  class Target extends EventTarget {
    override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
      listening.push(args[0])
      super.addEventListener(...args)
    }

    override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
      listening.splice(listening.indexOf(args[0]), 1)
      super.removeEventListener(...args)
    }
  }
  const window = new Target()
  const document = Object.assign(new Target(), { visibilityState: 'visible' })
  vi.stubGlobal('document', document)
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window))
  return { window, document, listening }
}

describe('a page that comes back', () => {
  const pinged = async () => {
    const pings: number[] = []
    let tell: () => void = () => undefined
    const server = await scriptedServer({
      onMessage: (_socket, { type }, nth) => {
        if (type === 'ping') pings.push(nth)
        tell()
      },
    })
    const next = () =>
      new Promise<void>((resolve) => {
        tell = resolve
      })
    return { ...server, pings, next }
  }

  test.each(['online', 'pageshow', 'visibilitychange'])('probes its socket at once: %s', async (type) => {
    const { window, document } = stubPage()
    const server = await pinged()
    const { connection, until, clock } = watch(new Manager(fetch, server.url))
    await until('open')
    const asked = server.next()
    ;(type === 'visibilitychange' ? document : window).dispatchEvent(new Event(type))
    await asked
    // While an answer is due it is not asked again.
    window.dispatchEvent(new Event('online'))
    const more = server.next()
    connection.command('auth/current_user', {}).catch(() => undefined)
    await more
    expect(server.pings).toEqual([0])
    clock.move(10_000)
    expect(await until('waiting')).toMatchObject({ error: { code: 1006 } })
  })

  test('does not when it goes, and hears nothing more once it is closed', async () => {
    const { window, document, listening } = stubPage()
    const server = await pinged()
    const { until, connection } = watch(new Manager(fetch, server.url))
    await until('open')
    document.visibilityState = 'hidden'
    document.dispatchEvent(new Event('visibilitychange'))
    const answer = connection.command('auth/current_user', {}).catch(() => undefined)
    await server.next()
    expect(server.pings).toEqual([])
    expect(listening.sort()).toEqual(['online', 'pageshow', 'visibilitychange'])
    connection.close()
    await answer
    await connection.closed
    await turn()
    expect(listening).toEqual([])
    window.dispatchEvent(new Event('online'))
    document.visibilityState = 'visible'
    document.dispatchEvent(new Event('visibilitychange'))
    expect(server.pings).toEqual([])
  })

  test('waits anew from a second where the wait is its own, and as long as the server asked where it is not', async () => {
    const { window } = stubPage()
    let reason = ''
    const server = await scriptedServer({ onOpen: (socket) => socket.close(4001, reason) })
    const { connection, until, clock } = watch(new Manager(fetch, server.url), { random: () => 1 })
    for (const ms of [1000, 2000, 4000]) {
      expect(await until('waiting')).toMatchObject({ ms })
      clock.move(ms)
    }
    expect(await until('waiting')).toMatchObject({ ms: 8000 })
    window.dispatchEvent(new Event('online'))
    reason = '{"after_ms":5000}'
    clock.move(1000)
    expect(await until('waiting')).toMatchObject({ ms: 6000 })
    window.dispatchEvent(new Event('online'))
    clock.move(5999)
    await turn()
    expect(connection.state).toMatchObject({ state: 'waiting', ms: 6000 })
    clock.move(1)
    await until('waiting')
    expect(server.opened()).toBe(6)
  })
})
