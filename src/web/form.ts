/** A form: fields drawn from descriptions, errors beside the field that they are about, one submission at a time. */
import { part, say } from './page.ts'
import { type TextKey, text } from './texts.ts'

export interface FieldOptions {
  readonly name: string
  readonly label: string
  readonly hint?: TextKey
  readonly type?: 'password'
  readonly autocomplete: AutoFill
  readonly autocapitalize?: 'none' | 'words' | 'characters'
}

export interface Field {
  readonly name: string
  readonly root: HTMLElement
  readonly input: HTMLInputElement
  /** Says what is wrong with the field; null takes it back. */
  refuse(sentence: string | null): void
}

/** Makes an element with its attributes. */
const make = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] => {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** A button that shows what was typed, and the way back. */
const revealer = (input: HTMLInputElement): { button: HTMLButtonElement; hide: () => void } => {
  const button = make('button', { type: 'button', class: 'reveal' })
  const set = (shown: boolean): void => {
    input.type = shown ? 'text' : 'password'
    button.textContent = text(shown ? 'field.hide' : 'field.show')
    button.setAttribute('aria-label', text(shown ? 'field.hidePassword' : 'field.showPassword'))
  }
  set(false)
  button.addEventListener('click', () => set(input.type === 'password'))
  return { button, hide: () => set(false) }
}

export const drawField = (options: FieldOptions): Field => {
  const { name, label, hint, type, autocomplete, autocapitalize = 'none' } = options
  const id = `field-${name}`
  const input = make('input', {
    id,
    name,
    autocomplete,
    autocapitalize,
    spellcheck: 'false',
    required: '',
    'aria-describedby': `${id}-error ${id}-hint`,
  })
  const error = make('span', { id: `${id}-error`, class: 'error', role: 'alert' })
  const box = make('span', { class: 'box' }, input)
  if (type === 'password') {
    const { button, hide } = revealer(input)
    box.append(button)
    box.classList.add('revealed')
    // Browsers may remember what stood in a text field.
    window.addEventListener('pagehide', hide)
  }
  const root = make(
    'div',
    { class: 'field' },
    make('label', { for: id }, label),
    box,
    make(
      'p',
      { class: 'note' },
      error,
      make('span', { id: `${id}-hint`, class: 'hint' }, hint === undefined ? '' : text(hint)),
    ),
  )
  return {
    name,
    root,
    input,
    refuse: (sentence) => {
      say(error, sentence ?? '')
      if (sentence === null) input.removeAttribute('aria-invalid')
      else input.setAttribute('aria-invalid', 'true')
    },
  }
}

export interface Form {
  /** Puts these fields in the place of the former ones. */
  draw(fields: readonly Field[]): void
  /** Says what is wrong, beside the field that it is about, which gets the focus; without one, over the button. */
  complain(sentence: string, field?: Field): void
  /** What stands in the fields. */
  values(): Readonly<Record<string, string>>
}

/** The page's form. `submit` is called when every field has something in it, and never while it still runs. */
export const createForm = (labels: { idle: TextKey; busy: TextKey }, submit: () => Promise<void>): Form => {
  const form = part('form', HTMLFormElement)
  const alert = part('alert', HTMLElement)
  const button = part('submit', HTMLButtonElement)
  let fields: readonly Field[] = []
  let busy = false

  const setBusy = (now: boolean): void => {
    busy = now
    // Not disabled: a disabled button loses the focus.
    button.setAttribute('aria-disabled', String(now))
    button.textContent = text(now ? labels.busy : labels.idle)
  }

  const attempt = async (): Promise<void> => {
    say(alert, '')
    for (const field of fields) field.refuse(null)
    const empty = fields.filter(({ input }) => input.value === '')
    for (const field of empty) field.refuse(text('field.empty'))
    if (empty[0] !== undefined) return empty[0].input.focus()
    setBusy(true)
    await submit().finally(() => setBusy(false))
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (!busy) void attempt()
  })
  setBusy(false)

  return {
    draw: (drawn) => {
      fields = drawn
      say(alert, '')
      part('fields', HTMLElement).replaceChildren(...drawn.map(({ root }) => root))
    },
    complain: (sentence, field) => {
      if (field === undefined) {
        say(alert, sentence)
        alert.scrollIntoView({ block: 'nearest' })
      } else {
        field.refuse(sentence)
        field.input.focus()
      }
    },
    values: () => Object.fromEntries(fields.map(({ name, input }) => [name, input.value])),
  }
}
