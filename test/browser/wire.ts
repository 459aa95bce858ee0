/** The network between pages and a gateway. It notes what is asked for, and can be lost: at once, or so that nobody notices. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { closeAtEnd } from './browser.ts'

export interface Wire {
  /** To be used in the place of the gateway's address. */
  readonly url: string
  /** Every request that came, as `POST /auth/token`. */
  readonly asked: string[]
  /** From now on nothing arrives any more, and nothing is closed, as when a machine sleeps or leaves its network. */
  lose(): void
  /** Every connection is gone, and there can be no other. */
  cut(): Promise<void>
  /** New connections work again; those from before stay lost. */
  mend(): Promise<void>
  /** Requests like this one wait. Resolves, when the first has come, to what lets them through. */
  hold(request: string): Promise<() => void>
}

interface Link {
  readonly near: Socket
  readonly far: Socket
}

/** A fetch or a handshake begins a packet of its own. */
const REQUEST = /^(?:GET|POST|OPTIONS) [^ ?]+/

interface Hold {
  readonly request: string
  readonly waiting: (() => void)[]
  /** The first has come. */
  readonly came: () => void
}

/** A wire to a gateway, until the test ends. */
export const wireTo = async (gateway: string): Promise<Wire> => {
  const { hostname, port } = new URL(gateway)
  const links = new Set<Link>()
  /** Sockets that nobody hears any more. */
  const lost = new Set<Socket>()
  const asked: string[] = []
  let isLost = false
  let holding: Hold | null = null

  const forward = ({ near, far }: Link, data: Buffer): void => {
    const request = REQUEST.exec(data.toString('latin1'))?.[0]
    if (request !== undefined) asked.push(request)
    if (request === undefined || request !== holding?.request) {
      far.write(data)
      return
    }
    // What follows it, as its body, waits too.
    near.pause()
    holding.waiting.push(() => {
      far.write(data)
      near.resume()
    })
    holding.came()
  }

  const take = (near: Socket): void => {
    near.on('error', () => undefined)
    if (isLost) {
      lost.add(near)
      near.pause()
      return
    }
    const far = connect(Number(port), hostname)
    const link = { near, far }
    links.add(link)
    far.on('error', () => undefined)
    near.on('data', (data: Buffer) => forward(link, data))
    far.on('data', (data) => near.write(data))
    near.on('close', () => far.destroy())
    far.on('close', () => {
      links.delete(link)
      near.destroy()
    })
  }

  let server: Server

  const listen = async (at: number): Promise<void> => {
    server = createServer(take).listen(at, '127.0.0.1')
    await once(server, 'listening')
  }

  const cut = async (): Promise<void> => {
    for (const { near, far } of links) for (const socket of [near, far]) socket.destroy()
    for (const socket of lost) socket.destroy()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }

  await listen(0)
  const own = (server!.address() as AddressInfo).port
  closeAtEnd(cut)

  return {
    url: `http://127.0.0.1:${own}`,
    asked,
    lose: () => {
      isLost = true
      for (const { near, far } of links) {
        for (const socket of [near, far]) {
          socket.removeAllListeners('data').removeAllListeners('close').pause()
          lost.add(socket)
        }
      }
      links.clear()
    },
    cut,
    mend: async () => {
      isLost = false
      if (!server.listening) await listen(own)
    },
    hold: async (request) => {
      const waiting: (() => void)[] = []
      await new Promise<void>((came) => {
        holding = { request, waiting, came }
      })
      return () => {
        holding = null
        for (const pass of waiting) pass()
      }
    },
  }
}
