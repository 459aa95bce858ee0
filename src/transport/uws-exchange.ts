/** One HTTP request of uWebSockets.js, and how it is answered in as few calls into the library as it takes. */
import type * as uws from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import type { HttpResponse } from './transport.ts'

/** Status line and headers as the library writes them: one call instead of one for each header. */
const headText = (status: number, headers: HttpResponse['headers']): string => {
  let text = `${status} ${STATUS_CODES[status] ?? ''}`
  for (const name in headers) text += `\r\n${name}: ${headers[name]}`
  return text
}

/** Of frozen headers, by status. */
const kept = new WeakMap<HttpResponse['headers'], Map<number, string>>()

const headTextOf = ({ status, headers }: HttpResponse): string => {
  if (!Object.isFrozen(headers)) return headText(status, headers)
  let texts = kept.get(headers)
  if (texts === undefined) {
    texts = new Map()
    kept.set(headers, texts)
  }
  let text = texts.get(status)
  if (text === undefined) {
    text = headText(status, headers)
    texts.set(status, text)
  }
  return text
}

/** A request until it was answered, or its peer has gone. */
export class Exchange {
  readonly #response: uws.HttpResponse
  readonly #withBody: boolean
  readonly #ended: () => void
  #open = true
  /** In the library's own turn for this request everything goes out together by itself. */
  #inTurn = true

  /** `ended` is called once. */
  constructor(response: uws.HttpResponse, withBody: boolean, ended: () => void) {
    this.#response = response
    this.#withBody = withBody
    this.#ended = ended
  }

  /** The library's turn is over: the answer comes later. */
  later(): void {
    if (!this.#open) return
    this.#inTurn = false
    this.#response.onAborted(() => this.#end())
  }

  answer(given: HttpResponse, close = false): void {
    if (!this.#open) return
    if (this.#inTurn) this.#write(given, close)
    else this.#response.cork(() => this.#write(given, close))
  }

  #end(): void {
    if (!this.#open) return
    this.#open = false
    this.#ended()
  }

  /**
   * Ends only when all was given to the system. Until then the library ends a connection that asks again: a peer that asks on and
   * reads nothing would otherwise fill the memory with answers.
   */
  #write(given: HttpResponse, close: boolean): void {
    const response = this.#response
    // A body that is announced and does not come is never done for the library, which then wants to know who hears of the end.
    if (this.#inTurn && !this.#withBody) response.onAborted(() => undefined)
    response.writeStatus(headTextOf(given))
    const { body } = given
    const length = Buffer.byteLength(body)
    if (!this.#withBody || length === 0) response.endWithoutBody(length, close)
    else if (close) response.end(body, true)
    else if (!response.tryEnd(body, length)[0]) {
      const bytes = Buffer.from(body)
      if (this.#inTurn) response.onAborted(() => this.#end())
      response.onWritable((offset) => {
        const [taken, finished] = response.tryEnd(bytes.subarray(offset), length)
        if (finished) this.#end()
        return taken
      })
      return
    }
    this.#end()
  }
}
