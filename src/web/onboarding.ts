/** The set-up page: makes the owner, once, and goes on to the application that waits for a login. */
import type { FlowStep } from '../protocol/http.ts'
import { type Answer, codeOf, createOwner, explain, getSteps, startFlow, stepFlow } from './api.ts'
import { createForm, drawField } from './form.ts'
import { fillTexts, part, say, show } from './page.ts'
import { destination, type LoginRequest, readRequest, recipient } from './request.ts'
import { text } from './texts.ts'

fillTexts()

const found = readRequest(location.search)
/** The application that sent the person here, if one did. */
const waiting: LoginRequest | null = 'wrong' in found ? null : found
const loginPage = `/auth/authorize${location.search}`

let setupCode: string | null = null

/** Takes the set-up code out of the address, where the next person at this screen could read it. */
const takeCode = (): void => {
  const code = new URLSearchParams(location.hash.slice(1)).get('code')
  if (location.hash !== '') history.replaceState(null, '', location.pathname + location.search)
  if (code !== null && code !== '') setupCode = code
}

const name = drawField({
  name: 'name',
  label: text('setUp.name'),
  hint: 'setUp.name.hint',
  autocomplete: 'name',
  autocapitalize: 'words',
})
const username = drawField({
  name: 'username',
  label: text('field.username'),
  hint: 'setUp.username.hint',
  autocomplete: 'username',
})
const password = drawField({
  name: 'password',
  label: text('field.password'),
  type: 'password',
  autocomplete: 'new-password',
})
const again = drawField({ name: 'again', label: text('setUp.again'), type: 'password', autocomplete: 'new-password' })
const code = drawField({
  name: 'setup_code',
  label: text('setUp.code'),
  hint: 'setUp.code.hint',
  autocomplete: 'one-time-code',
  autocapitalize: 'characters',
})
const fields = [name, username, password, again]

const already = (): void => {
  part('already-login', HTMLAnchorElement).href = loginPage
  part('already-login', HTMLElement).hidden = waiting === null
  part('already-clients', HTMLElement).hidden = waiting !== null
  show('already')
}

/** Logs the new owner in at the application, with all that a login checks; null: the login page is to do it. */
const logIn = async (request: LoginRequest): Promise<string | null> => {
  const started = await startFlow(request, ['homeassistant', null])
  if (started.status !== 200) return null
  const { flow_id } = started.body as FlowStep
  const input = { username: username.input.value, password: password.input.value }
  const stepped = await stepFlow(flow_id, request.clientId, input)
  if (stepped.status !== 200) return null
  const step = stepped.body as FlowStep
  return step.type === 'create_entry' ? destination(request, step.result, false) : null
}

const done = (): void => {
  part('done-title', HTMLElement).textContent = text('setUp.done.title', { name: name.input.value })
  part('done-username', HTMLElement).textContent = username.input.value
  const button = part('continue', HTMLButtonElement)
  if (waiting !== null) {
    button.hidden = false
    button.textContent = text('setUp.done.continue', { client: recipient(waiting) })
    const leave = async (): Promise<void> => location.replace((await logIn(waiting)) ?? loginPage)
    button.addEventListener('click', () => void leave(), { once: true })
  }
  show('done')
}

const askCode = (answer: Answer): void => {
  const isWrong = codeOf(answer) === 'invalid_setup_code'
  setupCode = null
  form.draw([code, ...fields])
  code.input.value = ''
  if (isWrong) form.complain(text('setUp.code.wrong'), code)
  // The field says itself why it is there.
  else code.input.focus()
}

/** The field that a sentence of the gateway is about: it begins with its name. */
const fieldOf = (sentence: string) =>
  [name, username, password].find((field) => sentence.toLowerCase().startsWith(field.name))

const refused = (answer: Answer): void => {
  const sentence = explain(answer)
  if (codeOf(answer) === 'setup_code_required' || codeOf(answer) === 'invalid_setup_code') askCode(answer)
  else if (answer.status === 403) already()
  else form.complain(sentence, answer.status === 400 ? fieldOf(sentence) : undefined)
}

const submit = async (): Promise<void> => {
  if (password.input.value !== again.input.value) {
    return form.complain(text('setUp.again.differs'), again)
  }
  const answer = await createOwner({
    name: name.input.value,
    username: username.input.value,
    password: password.input.value,
    setupCode: code.input.value === '' ? setupCode : code.input.value,
  })
  if (answer.status === 200) done()
  else refused(answer)
}

const begin = async (): Promise<void> => {
  const steps = await getSteps()
  if (steps.status !== 200) {
    show('stopped', part('retry', HTMLElement))
    return say(part('stopped-alert', HTMLElement), explain(steps))
  }
  const isDone = (steps.body as readonly { step: string; done: boolean }[]).some(
    (step) => step.step === 'user' && step.done,
  )
  if (isDone) return already()
  show('form', name.input)
}

takeCode()
// An address with a code, opened where this page already is, loads nothing anew.
window.addEventListener('hashchange', takeCode)
const form = createForm({ idle: 'setUp.submit', busy: 'setUp.busy' }, submit)
form.draw(fields)
part('retry', HTMLButtonElement).addEventListener('click', () => void begin())
void begin()
