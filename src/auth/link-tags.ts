/** The redirect addresses that a client's page lists: a scan over untrusted HTML that never throws and reads each character once. */

/** Elements whose content is text: no tag in them counts. */
const RAW = new Set(['script', 'style'])

const SPACE = /[\t\n\f\r ]/

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

const decodeEntities = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name as string]!
    const point = decimal !== undefined ? Number(decimal) : Number.parseInt(hex as string, 16)
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })

interface Tag {
  /** Lower case. */
  readonly name: string
  /** Lower-case names; of a repeated attribute the last counts. */
  readonly attributes: ReadonlyMap<string, string>
  /** Where the text goes on. */
  readonly end: number
}

/** The start tag at `at`, which is the character after `<`; null where the text ends first. */
const readTag = (html: string, at: number): Tag | null => {
  let i = at
  const skip = (wanted: (character: string) => boolean): string => {
    const from = i
    while (i < html.length && wanted(html[i]!)) i++
    return html.slice(from, i)
  }
  const isSpace = (character: string): boolean => SPACE.test(character)
  const name = skip((character) => !isSpace(character) && character !== '/' && character !== '>').toLowerCase()
  const attributes = new Map<string, string>()
  for (;;) {
    skip((character) => isSpace(character) || character === '/')
    if (i >= html.length) return null
    if (html[i] === '>') return { name, attributes, end: i + 1 }
    // An equals sign in the first place belongs to the name.
    const first = html[i++]!
    const rest = skip((c) => !isSpace(c) && c !== '/' && c !== '>' && c !== '=')
    skip(isSpace)
    let value = ''
    if (html[i] === '=') {
      i++
      skip(isSpace)
      const quote = html[i]
      if (quote === '"' || quote === "'") {
        i++
        value = skip((character) => character !== quote)
        if (i >= html.length) return null
        i++
      } else {
        value = skip((character) => !isSpace(character) && character !== '>')
      }
    }
    attributes.set((first + rest).toLowerCase(), decodeEntities(value))
  }
}

/** The `href` of every `<link rel="redirect_uri">`, as the page has it; null where it has none. */
export const readRedirectLinks = (html: string): readonly (string | null)[] => {
  const lower = html.toLowerCase()
  const found: (string | null)[] = []
  const after = (text: string, from: number): number => {
    const at = lower.indexOf(text, from)
    return at === -1 ? html.length : at + text.length
  }
  for (let i = html.indexOf('<'); i !== -1 && i < html.length; i = html.indexOf('<', i)) {
    if (html.startsWith('<!--', i)) {
      i = after('-->', i + 4)
    } else if (!/[a-z]/.test(lower[i + 1] ?? '')) {
      i++
    } else {
      const tag = readTag(html, i + 1)
      if (tag === null) break
      i = RAW.has(tag.name) ? after(`</${tag.name}`, tag.end) : tag.end
      if (tag.name === 'link' && tag.attributes.get('rel') === 'redirect_uri') {
        found.push(tag.attributes.get('href') ?? null)
      }
    }
  }
  return found
}
