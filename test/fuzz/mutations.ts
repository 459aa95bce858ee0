/** What a peer may get wrong, as arbitraries that begin at something good and shrink back to it. */
import fc from 'fast-check'

/** A run is stopped after this, and counts for what it found until then. */
const TIME_MS = 12_000

/** `FUZZ_SCALE=20` looks longer. A failure prints the seed and the path that repeat it. */
export const settings = (numRuns: number) => {
  const scale = Number(process.env['FUZZ_SCALE'] ?? 1)
  return { numRuns: numRuns * scale, interruptAfterTimeLimit: TIME_MS * scale }
}

/** Texts that have been trouble somewhere. */
const odd = fc.constantFrom(
  '',
  '\0',
  '\ud800',
  '\ufeff',
  '__proto__',
  'constructor',
  'toString',
  '..',
  '%00',
  '{}',
  'ß',
  "'",
  'x'.repeat(300),
)

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), odd)

/** Any JSON value, small, with odd texts and numbers. */
export const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, 1, 0.5, 2 ** 53, -(2 ** 53), 1e300, '', [], {}),
  text,
  fc.integer(),
  fc.json({ maxDepth: 3 }).map((json) => JSON.parse(json) as unknown),
)

type Fields = Readonly<Record<string, unknown>>

/** An object in which some fields were left out, replaced or added. */
export const mutatedFields = (good: fc.Arbitrary<Fields>): fc.Arbitrary<Fields> =>
  good.chain((fields) => {
    const key = fc.oneof(fc.constantFrom('id', 'type', 'client_id', ...Object.keys(fields)), text)
    const edit = fc.oneof(
      fc.record({ key, value: anyValue }),
      fc.record({ key, value: fc.constant(undefined) }),
      // A value that fits elsewhere.
      fc.record({ key, value: fc.constantFrom(...Object.values(fields), null) }),
    )
    return fc.array(edit, { maxLength: 3 }).map((edits) => {
      const entries = new Map(Object.entries(fields))
      for (const { key, value } of edits) {
        if (value === undefined) entries.delete(key)
        else entries.set(key, value)
      }
      return Object.fromEntries(entries)
    })
  })

/** A text in which some characters were left out or put in. */
export const mutatedText = (good: fc.Arbitrary<string>): fc.Arbitrary<string> => {
  const edit = fc.record({
    at: fc.nat(400),
    drop: fc.nat(4),
    insert: fc.oneof(fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '\\u', '&', '=', '%', '\r\n', '--'), text),
  })
  return fc
    .tuple(good, fc.array(edit, { maxLength: 3 }))
    .map(([text, edits]) =>
      edits.reduce((now, { at, drop, insert }) => now.slice(0, at) + insert + now.slice(at + drop), text),
    )
}

/** A text as bytes, some of which may have been replaced. */
export const mutatedBytes = (good: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(good, fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { maxLength: 2 }))
    .map(([text, edits]) => {
      const bytes = Buffer.from(text)
      for (const [at, byte] of edits) if (at < bytes.length) bytes[at] = byte
      return bytes
    })
