/** The login page: runs a login flow for the application that sent the person here, and sends them back with a code. */
import type { AbortStep, FlowStep, FormField, FormStep, Handler } from '../protocol/http.ts'
import { type Answer, codeOf, explain, getProviders, startFlow, stepFlow } from './api.ts'
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

  const ask = (step: FormStep): void => {
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

  const end = ({ reason }: AbortStep): void =>
    stop(text(reason === 'login_expired' ? 'login.expired' : 'login.error.other'), true)

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

  /** Whether the flow is over, or the same input may be sent again. */
  const refused = (answer: Answer): void => {
    if (answer.status === 404) stop(text('login.unknownFlow'), true)
    else if (answer.status === 400 || answer.status === 403) stop(explain(answer), true)
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
  part('again', HTMLButtonElement).addEventListener('click', () => {
    flow = null
    void begin()
  })
  void begin()
}

const request = readRequest(location.search)
if ('wrong' in request) stop(text(request.wrong), false)
else run(request)
