/** The login page: runs a login flow for the application that sent the person here, and sends them back with a code. */
import type { AbortStep, FlowStep, FormField, FormStep, Handler } from '../protocol/http.ts'
import { type Answer, awaitFlow, codeOf, explain, getProviders, startFlow, stepFlow } from './api.ts'
import { createForm, drawField, type Field } from './form.ts'
import { fillTexts, part, say, show } from './page.ts'
import { destination, isOwn, type LoginRequest, readRequest, recipient } from './request.ts'
import { isTextKey, text } from './texts.ts'

interface Providers {
  readonly providers: readonly { readonly type: string; readonly id: string | null }[]
  readonly preselect_remember_me: boolean
}

fillTexts()

/** The login is over, or cannot begin. */
const stop = (sentence: string, mayStartOver: boolean): void => {
  part('again', HTMLElement).hidden = !mayStartOver
  show('stopped', mayStartOver ? part('again', HTMLElement) : undefined)
  say(part('stopped-alert', HTMLElement), sentence)
}

const autocompletes: Readonly<Record<string, AutoFill>> = {
  username: 'username',
  password: 'current-password',
  code: 'one-time-code',
}

const toField = ({ name }: FormField): Field => {
  const label = `field.${name}`
  return drawField({
    name,
    label: isTextKey(label) ? text(label) : name,
    autocomplete: autocompletes[name] ?? 'off',
    ...(name === 'password' ? { type: 'password' } : {}),
  })
}

/** After an answer that did not come. */
const RETRY_MS = 3000
/** Questions about a login that waits are this far apart, however fast they are answered. */
const SHORTEST_MS = 1000

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const isPending = ({ status, body }: Answer): boolean => status === 200 && (body as FlowStep).type === 'form'

const run = (request: LoginRequest): void => {
  const keep = part('keep', HTMLInputElement)
  let flow: FormStep | null = null
  let fields: readonly Field[] = []

  const leave = (code: string): void => {
    // replace: going back from the application must not lead to a login that is over.
    const address = destination(request, code, isOwn(request) && keep.checked)
    const link = part('leave', HTMLAnchorElement)
    link.href = address
    link.textContent = text('login.leaving.link', { client: recipient(request) })
    show('leaving')
    location.replace(address)
  }

  /** Waits until somebody has decided. A new flow, or none, ends it. */
  const wait = async (waiting: FormStep): Promise<void> => {
    const status = part('pending-status', HTMLElement)
    flow = waiting
    say(status, '')
    show('pending')
    let isLost = false
    while (flow === waiting) {
      const began = Date.now()
      // Whoever was told that the gateway does not answer is to know at once when it does.
      const answer = await awaitFlow(waiting.flow_id, request.clientId, isLost)
      if (flow !== waiting) return
      isLost = answer.status === 0 || answer.status === 429 || answer.status >= 500
      if (!isLost && !isPending(answer)) return answer.status === 200 ? follow(answer.body as FlowStep) : fail(answer)
      const sentence = isLost ? text('login.pending.lost') : ''
      if (status.textContent !== sentence) say(status, sentence)
      await pause(isLost ? RETRY_MS : SHORTEST_MS - (Date.now() - began))
    }
  }

  const ask = (step: FormStep): void => {
    if (step.step_id === 'pending') {
      void wait(step)
      return
    }
    const isSame = flow?.flow_id === step.flow_id && flow.step_id === step.step_id
    flow = step
    const isSecondStep = step.step_id === 'mfa' || step.step_id === 'select_mfa_module'
    part('keep-row', HTMLElement).hidden = !isOwn(request) || isSecondStep
    if (!isSame) {
      fields = step.data_schema.map(toField)
      form.draw(fields)
      show('form', fields[0]?.input)
      return
    }
    // The last field is what was wrong, as far as anybody may know: a password, or a code.
    const last = fields.at(-1)
    if (last !== undefined) last.input.value = ''
    const error = `login.error.${step.errors['base']}`
    form.complain(text(isTextKey(error) ? error : 'login.error.other'), last)
  }

  const end = ({ reason }: AbortStep): void => {
    const waited = `login.abort.${reason}.${flow?.step_id}`
    const key = isTextKey(waited) ? waited : `login.abort.${reason}`
    flow = null
    stop(text(isTextKey(key) ? key : 'login.error.other'), true)
  }

  const follow = (step: FlowStep): void => {
    switch (step.type) {
      case 'form':
        ask(step)
        break
      case 'abort':
        end(step)
        break
      case 'create_entry':
        leave(step.result)
        break
    }
  }

  const fail = (answer: Answer): void => {
    flow = null
    stop(answer.status === 404 ? text('login.unknownFlow') : explain(answer), true)
  }

  /** Whether the flow is over, or the same input may be sent again. */
  const refused = (answer: Answer): void => {
    if ([400, 403, 404].includes(answer.status)) fail(answer)
    else form.complain(explain(answer))
  }

  const submit = async (): Promise<void> => {
    if (flow === null) return
    const answer = await stepFlow(flow.flow_id, request.clientId, form.values())
    if (answer.status === 200) follow(answer.body as FlowStep)
    else refused(answer)
  }

  const begin = async (): Promise<void> => {
    const listed = await getProviders()
    if (codeOf(listed) === 'onboarding_required') return location.replace(`/onboarding.html${location.search}`)
    if (listed.status !== 200) return stop(explain(listed), true)
    const { providers, preselect_remember_me } = listed.body as Providers
    const first = providers[0]
    if (first === undefined) return stop(text('login.noProvider'), false)
    keep.checked = preselect_remember_me
    const handler: Handler = [first.type, first.id]
    const started = await startFlow(request, handler)
    if (started.status === 200) return follow(started.body as FlowStep)
    // What the application asked for is wrong, and will be the next time.
    stop(explain(started), started.status !== 400 && started.status !== 404)
  }

  const form = createForm({ idle: 'login.submit', busy: 'login.busy' }, submit)
  part('client', HTMLElement).textContent = recipient(request)
  for (const id of ['again', 'other']) {
    part(id, HTMLButtonElement).addEventListener('click', () => {
      flow = null
      void begin()
    })
  }
  void begin()
}

const request = readRequest(location.search)
if ('wrong' in request) stop(text(request.wrong), false)
else run(request)
