/** A report as tables for a terminal. */
import Table from 'cli-table3'
import type { Spread } from '../measure.ts'
import type { Finding } from '../scenario.ts'
import { coresText, type Report } from './report.ts'

const BARE = {
  chars: {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
}

const rows = (head: readonly string[], lines: readonly (readonly string[])[]): string => {
  const table = new Table({
    ...BARE,
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 ? ('left' as const) : ('right' as const))),
  })
  table.push(...lines.map((line) => [...line]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

const number = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3))

const spread = (value: Spread | null): string =>
  value === null ? '-' : `${value.median.toFixed(2)} (${value.low.toFixed(2)}-${value.high.toFixed(2)})`

/** A figure that was taken once has no spread. */
const figure = ({ median, low, high }: Spread): string =>
  low === high ? number(median) : `${number(median)} (${number(low)}-${number(high)})`

const micros = (value: number): string =>
  value >= 1000 ? `${(value / 1000).toFixed(1)} ms` : `${Math.round(value)} µs`

export const findingText = (finding: Finding): string => {
  switch (finding.kind) {
    case 'note':
      return finding.title
    case 'ratios':
      return `${finding.title}\n${rows(
        ['', 'rate ratio', 'cpu ratio', 'a second', 'cpu µs'],
        finding.lines.map(({ name, rate, cpu, rateRatio, cpuRatio }) => [
          name,
          spread(rateRatio),
          spread(cpuRatio),
          number(rate.median),
          cpu === null ? '-' : number(cpu.median),
        ]),
      )}`
    case 'latency':
      return `${finding.title}\n${rows(
        ['', 'p50', 'p99', 'p99.9', 'max', 'count', 'lost'],
        finding.rows.map(({ name, p50, p99, p999, max, count, lost }) => [
          name,
          micros(p50),
          micros(p99),
          micros(p999),
          micros(max),
          String(count),
          String(lost),
        ]),
      )}`
    case 'figures':
      return `${finding.title}\n${rows(
        ['', '', ''],
        finding.figures.map(({ name, value, unit }) => [name, figure(value), unit]),
      ).replace(/^\s*\n/, '')}`
  }
}

export const reportText = ({ machine, node, options, scenarios }: Report): string =>
  [
    `${machine}; Node ${node}`,
    `${coresText(options.cores)}; ${options.rounds} rounds of ${options.sliceMs} ms; median (lowest-highest)`,
    ...scenarios.flatMap(({ findings }) => findings.map(findingText)),
  ].join('\n\n')
