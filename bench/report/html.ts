/** A report as one page with plots, which needs no network. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Finding } from '../scenario.ts'
import type { Report } from './report.ts'
import { findingText, reportText } from './table.ts'

/** The plot library's own files, put into the page. */
const uplot = (): { script: string; style: string } => {
  const folder = dirname(createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css'))
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  return { script: read('uPlot.iife.min.js'), style: read('uPlot.min.css') }
}

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** JSON that can stand in a script. */
const literal = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c')

interface Plot {
  readonly title: string
  readonly x: string
  readonly y: string
  /** One line each, over the same x. */
  readonly names: readonly string[]
  readonly data: readonly (readonly (number | null)[])[]
  /** Labels of x where it is no number to be read. */
  readonly ticks: readonly string[] | null
}

const plotOf = (finding: Finding): Plot | null => {
  if (finding.kind === 'ratios') {
    const rounds = finding.lines[0]!.slices.map((_, i) => i + 1)
    const baseline = finding.lines[0]!.slices
    return {
      title: finding.title,
      x: 'round',
      y: 'rate ratio of the round',
      names: finding.lines.map(({ name }) => name),
      data: [rounds, ...finding.lines.map(({ slices }) => slices.map(({ rate }, i) => rate / baseline[i]!.rate))],
      ticks: null,
    }
  }
  if (finding.kind === 'latency') {
    const curve = finding.rows[0]?.curve ?? []
    return {
      title: finding.title,
      x: 'percentile',
      y: 'milliseconds',
      names: finding.rows.map(({ name }) => name),
      data: [curve.map((_, i) => i), ...finding.rows.map((row) => row.curve.map(([, us]) => us / 1000))],
      ticks: curve.map(([percentile]) => String(percentile)),
    }
  }
  return null
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fff; --soft: #6b6b76; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8ec; --paper: #17171b; --soft: #a0a0ac; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
pre { overflow-x: auto; font-size: 0.85rem; } .plot { overflow-x: auto; } .soft { color: var(--soft); }
.u-legend { color: var(--ink); text-align: left; }
`

const DRAW = `
const dark = matchMedia('(prefers-color-scheme: dark)').matches
const ink = dark ? '#e8e8ec' : '#1b1b1f', grid = dark ? '#33333c' : '#e2e2e8'
const colors = ['#3273dc', '#8a8a96', '#e08a1e', '#2ea36b', '#c0392b', '#8e44ad', '#16a2b8', '#7f5539']
for (const [i, plot] of plots.entries()) {
  const box = document.getElementById('plot-' + i)
  if (plot === null || box === null) continue
  const axis = { stroke: ink, grid: { stroke: grid }, ticks: { stroke: grid } }
  const values = plot.ticks === null ? undefined : (_, at) => at.map((x) => plot.ticks[x] ?? '')
  new uPlot({
    width: Math.min(960, box.clientWidth), height: 320,
    scales: { x: { time: false }, y: plot.ticks === null ? {} : { distr: 3 } },
    axes: [{ ...axis, label: plot.x, ...(values === undefined ? { incrs: [1, 2, 5, 10, 20, 50, 100] } : { values, splits: () => plot.ticks.map((_, x) => x) }) }, { ...axis, label: plot.y, size: 70 }],
    series: [{ label: plot.x }, ...plot.names.map((label, n) => ({ label, stroke: colors[n % colors.length], width: 2, points: { show: true } }))],
  }, plot.data, box)
}
`

export const reportHtml = (report: Report): string => {
  const findings = report.scenarios.flatMap(({ findings }) => findings)
  const plots = findings.map(plotOf)
  const { script, style } = uplot()
  const sections = findings.map((finding, i) => {
    const [title = '', ...table] = findingText(finding).split('\n')
    const plot = plots[i] === null ? '' : `<div class="plot" id="plot-${i}"></div>`
    return `<section><h2>${escapeHtml(title)}</h2><pre>${escapeHtml(table.join('\n'))}</pre>${plot}</section>`
  })
  const about = reportText({ ...report, scenarios: [] })
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Latchkey bench</title>
<style>${style}${STYLE}</style>
</head>
<body>
<h1>Latchkey bench</h1>
<p class="soft">${escapeHtml(report.at.slice(0, 16).replace('T', ' '))} UTC. ${escapeHtml(about.replaceAll('\n\n', '. '))}.</p>
${sections.join('\n')}
<script>${script}</script>
<script>const plots = ${literal(plots)}
${DRAW}</script>
</body>
</html>
`
}
