/** `latchkey bench` as a person runs it: that every scenario runs and that its numbers can be so; never how fast it is. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Report } from '../../bench/report/report.ts'
import type { Finding } from '../../bench/scenario.ts'
import { cleanUp, newFolder, run } from '../process/child.ts'
import { transports } from '../transports.ts'

const LIMIT_MS = 180_000

afterEach(cleanUp)

const bench = async (...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> => {
  const { code, stdout, stderr } = await run(['bench', ...args])
  return { code, out: stdout, err: stderr }
}

const loaded = transports()
  .filter(({ missing }) => missing === null)
  .map(({ transport }) => transport)

const isSane = (finding: Finding): void => {
  switch (finding.kind) {
    case 'ratios':
      expect(finding.lines.length).toBeGreaterThan(1)
      for (const { slices, rate, cpu, rateRatio } of finding.lines) {
        expect(slices).toHaveLength(2)
        for (const one of [rate, cpu!, rateRatio]) {
          expect(one.low).toBeGreaterThan(0)
          expect(one.median).toBeGreaterThanOrEqual(one.low)
          expect(one.high).toBeGreaterThanOrEqual(one.median)
        }
      }
      expect(finding.lines[0]!.rateRatio.median).toBe(1)
      return
    case 'latency':
      for (const { p50, p99, p999, max, count, lost } of finding.rows) {
        expect([count > 0, lost]).toEqual([true, 0])
        expect(p50).toBeGreaterThan(0)
        expect([p99 >= p50, p999 >= p99, max >= p999 * 0.99]).toEqual([true, true, true])
      }
      return
    case 'figures':
      for (const { value } of finding.figures) expect(Number.isFinite(value.median)).toBe(true)
      return
    case 'note':
      expect(finding.title).toMatch(/cannot do this$/)
  }
}

describe('latchkey bench --quick', () => {
  test.each([
    ['connect', ['ratios', 'latency', 'ratios']],
    ['renew', ['ratios', 'ratios']],
    ['command', ['ratios', 'latency', 'ratios', 'ratios']],
    ['refresh', ['ratios', 'ratios']],
    ['login', ['ratios', 'latency']],
    ['verify', ['ratios']],
    ['revoke', ['latency', 'latency', 'figures']],
    ['idle', ['figures']],
    ['storm', loaded.map(() => 'latency')],
    ['mixed', loaded.map(() => 'latency')],
    ['scale', ['ratios', 'ratios', 'figures']],
  ])(
    '%s measures what it says, with nothing lost',
    async (name, kinds) => {
      const { code, out, err } = await bench(name, '--quick', '--transport', loaded.join(','), '--json', '-')
      expect([code, err]).toEqual([0, ''])
      const report = JSON.parse(out) as Report
      expect(report.scenarios.map((one) => one.name)).toEqual([name])
      const { findings } = report.scenarios[0]!
      expect(findings.map(({ kind }) => kind)).toEqual(kinds)
      for (const finding of findings) isSane(finding)
    },
    LIMIT_MS,
  )

  test(
    'writes a page that needs nothing from elsewhere, and tables',
    async () => {
      const html = join(newFolder(), 'report.html')
      const { code, out } = await bench('verify', '--quick', '--transport', loaded[0]!, '--html', html)
      expect(code).toBe(0)
      expect(out).toMatch(/^\d+ cores of .*\n\nserver and load on one core/)
      expect(out).toMatch(/GET \/auth\/verify\n +rate ratio +cpu ratio +a second +cpu µs\n/)
      const page = readFileSync(html, 'utf8')
      expect(page).toContain('<h2>GET /auth/verify</h2>')
      expect(page).not.toMatch(/(?:src|href)=/)
      expect(page).not.toMatch(/@import|url\(/)
    },
    LIMIT_MS,
  )
})

test(
  'latchkey bench ends with one line, and 69, where a server does not do what is measured',
  async () => {
    const server = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      const { code, out, err } = await bench('verify', '--quick', '--transport', 'ws', '--url', url, '--token', 'x')
      expect([code, out, err]).toEqual([69, '', `latchkey: ${url} answered 404\n`])
    } finally {
      server.close()
    }
  },
  LIMIT_MS,
)

describe('latchkey bench refuses', () => {
  test.each([
    [['coffee'], 'no scenario is called coffee; there are connect, renew, command, '],
    [['--rounds', '0'], '--rounds 0: a whole number from 1 on is wanted'],
    [['--transport', 'quic'], '--transport quic: known are uws, ws'],
    [['--cores', 'all'], '--cores all: known are same, split, free'],
    [['--grants', '1,x'], '--grants x: whole numbers are wanted'],
    [['--token', 'x'], '--token belongs to a server that --url names'],
    [['--url', 'ftp://x'], '--url ftp://x: an address as http://127.0.0.1:8123 is wanted'],
    [['--url', 'http://127.0.0.1:1'], '--url needs a --token that its server takes'],
    [['verify', '--peer', '/nowhere/x'], '--peer /nowhere/x: '],
  ])('%j with one line, and 64', async (args, line) => {
    const { code, out, err } = await bench(...args)
    expect([code, out]).toEqual([64, ''])
    expect(err).toContain(`latchkey: ${line}`)
  })
})
