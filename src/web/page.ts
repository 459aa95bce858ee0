/** A page: its texts, and its states, of which one is seen at a time. */
import { isTextKey, text } from './texts.ts'

/** The element of this id. Throws where the page has none of that kind: the page and its script do not fit. */
export const part = <T extends HTMLElement>(id: string, kind: abstract new () => T): T => {
  const element = document.getElementById(id)
  if (element instanceof kind) return element
  throw new TypeError(`no ${kind.name} #${id}`)
}

/** Puts the texts in where the page names them. */
export const fillTexts = (): void => {
  for (const element of document.querySelectorAll<HTMLElement>('[data-text]')) {
    const key = element.dataset['text'] ?? ''
    if (!isTextKey(key)) throw new TypeError(`no text ${key}`)
    element.textContent = text(key)
  }
}

/** Shows one state and hides the others; the focus goes to `focus`, or to the heading for a screen reader to begin at. */
export const show = (state: string, focus?: HTMLElement): void => {
  for (const section of document.querySelectorAll<HTMLElement>('[data-state]')) {
    section.hidden = section.dataset['state'] !== state
  }
  part('card', HTMLElement).hidden = false
  const heading = document.querySelector<HTMLElement>(`[data-state="${state}"] h1`)
  document.title = `${heading?.textContent} · Latchkey`
  const target = focus ?? heading
  target?.focus()
}

/** Says something in an alert; anew each time, so that the same sentence is read out again. */
export const say = (alert: HTMLElement, sentence: string): void => {
  alert.replaceChildren(document.createTextNode(sentence))
}
