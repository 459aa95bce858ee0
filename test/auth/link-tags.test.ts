/** What counts as a listed redirect address in a page that a stranger wrote. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readRedirectLinks } from '../../src/auth/link-tags.ts'

test('link tags with exactly this rel are found, in head and body, however they are quoted', () => {
  expect(
    readRedirectLinks(`<!doctype html><html><head>
      <link rel="redirect_uri" href="hass://oauth2_redirect">
      <LINK REL='redirect_uri' HREF='/beer'/>
      <link rel=redirect_uri href=https://a.example/x>
      <link href="https://a.example/?a=1&amp;b=&#50;&#x33;" rel="redirect_uri">
      <link rel="redirect_uri">
      </head><body><p><link rel="redirect_uri" href="/body"></p></body>`),
  ).toEqual(['hass://oauth2_redirect', '/beer', 'https://a.example/x', 'https://a.example/?a=1&b=23', null, '/body'])
})

test('of a repeated attribute the last counts', () => {
  expect(readRedirectLinks('<link rel=other rel=redirect_uri href=/a href=/b>')).toEqual(['/b'])
})

test('other rels, other tags, comments, scripts, styles and unfinished tags do not count', () => {
  for (const html of [
    '<link rel="Redirect_uri" href="/x">',
    '<link rel="redirect_uri other" href="/x">',
    '<linked rel="redirect_uri" href="/x">',
    '<a rel="redirect_uri" href="/x">',
    '<!-- <link rel="redirect_uri" href="/x"> -->',
    '<!-- <link rel="redirect_uri" href="/x">',
    '<script>var a = \'<link rel="redirect_uri" href="/x">\'</script>',
    '<STYLE><link rel="redirect_uri" href="/x"></style>',
    '<link rel="redirect_uri" href="/x"',
    '<link rel="redirect_uri" href="/x',
    '<p title="<link rel=redirect_uri href=/x>">',
    '</link rel="redirect_uri" href="/x">',
  ]) {
    expect([html, readRedirectLinks(html)]).toEqual([html, []])
  }
  expect(readRedirectLinks('<script></SCRIPT><link rel=redirect_uri href=/after>')).toEqual(['/after'])
})

test('no text makes it throw (E2)', () => {
  const piece = fc.constantFrom(
    '<',
    '>',
    '/',
    '=',
    '"',
    "'",
    '<!--',
    '-->',
    '<script',
    '</script>',
    '<link ',
    'rel=',
    '&#x',
    ';',
  )
  const text = fc.array(fc.oneof(piece, fc.string())).map((parts) => parts.join(''))
  fc.assert(fc.property(text, (html) => Array.isArray(readRedirectLinks(html))))
})

test('ten thousand characters of openings are read in one pass (E2)', () => {
  for (const opening of ['<', '<a ', '<script>', '<!--', '<link rel="']) {
    const started = performance.now()
    readRedirectLinks(opening.repeat(10_240 / opening.length))
    // Quadratic reading of this took seconds; the bound is wide for a busy machine.
    expect(performance.now() - started).toBeLessThan(500)
  }
})
