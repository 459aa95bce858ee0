/** A run of the bench: scenarios one after the other, then what they found. */
import { writeFileSync } from 'node:fs'
import { BenchFailed } from './failed.ts'
import { type Attached, readFlags, WrongUse } from './options.ts'
import { startPeer } from './peer.ts'
import { pin } from './process.ts'
import { createProgress } from './progress.ts'
import { reportHtml } from './report/html.ts'
import { describeMachine, type Report } from './report/report.ts'
import { reportText } from './report/table.ts'
import { Bench, type BenchOptions, type Scenario } from './scenario.ts'
import { command } from './scenarios/command.ts'
import { connect } from './scenarios/connect.ts'
import { idle } from './scenarios/idle.ts'
import { login } from './scenarios/login.ts'
import { mixed } from './scenarios/mixed.ts'
import { refresh } from './scenarios/refresh.ts'
import { renew } from './scenarios/renew.ts'
import { revoke } from './scenarios/revoke.ts'
import { scale } from './scenarios/scale.ts'
import { storm } from './scenarios/storm.ts'
import { verify } from './scenarios/verify.ts'
import type { Inside, Target } from './target.ts'
import { bareAnswers, PONG, startBare } from './targets/bare.ts'

export { BenchFailed, WrongUse }

const all: readonly Scenario[] = [connect, renew, command, refresh, login, verify, revoke, idle, storm, mixed, scale]

const chosen = (names: readonly string[]): readonly Scenario[] =>
  names.length === 0
    ? all
    : names.map((name) => {
        const scenario = all.find((one) => one.name === name)
        if (scenario !== undefined) return scenario
        throw new WrongUse(`no scenario is called ${name}; there are ${all.map((one) => one.name).join(', ')}`)
      })

const attach = ({ url, tokens, dialect, pid }: Attached): Target => ({
  name: url,
  url,
  dialect,
  pid,
  sessions: { tokens },
  unseen: null,
  login: null,
  crash: null,
  stop: () => Promise.resolve(),
})

/** Without a word about transports those are measured that load here: uWebSockets.js has no binary for some versions of Node. */
const withWhatLoads = async (options: BenchOptions): Promise<BenchOptions> => {
  try {
    await (await startBare('uws', bareAnswers(PONG), null)).stop()
    return options
  } catch {
    return { ...options, transports: ['ws'] }
  }
}

/** About so many steps a scenario takes for each contestant. */
const STEPS = 4

/** Rejects with `WrongUse`, or with what went wrong on the way: nothing is reported then that was not measured. */
export const run = async (
  given: { readonly scenarios: readonly string[]; readonly flags: Readonly<Record<string, unknown>> },
  inside: Inside,
): Promise<void> => {
  const { options: asked, attached, peers, json, html } = readFlags(given.flags)
  const scenarios = chosen(given.scenarios)
  const options = given.flags['transport'] === undefined ? await withWhatLoads(asked) : asked
  if (options.cores === 'same') pin(process.pid, '0')
  else if (options.cores === 'split') pin(process.pid, '1-63')
  const others: Target[] = attached === null ? [] : [attach(attached)]
  const progress = createProgress(scenarios.length * (options.rounds * 4 + STEPS))
  const found: { name: string; findings: Awaited<ReturnType<Scenario['run']>> }[] = []
  try {
    for (const script of peers) {
      progress.step(`starting ${script}`)
      others.push(await startPeer(script, options.cores === 'free' ? null : '0'))
    }
    for (const scenario of scenarios) {
      const bench = new Bench(options, inside, others, (what) => progress.step(what))
      try {
        found.push({ name: scenario.name, findings: await scenario.run(bench) })
      } finally {
        await bench.end()
      }
    }
  } finally {
    progress.end()
    for (const other of others) await other.stop()
  }
  const report: Report = {
    at: new Date().toISOString(),
    machine: describeMachine(),
    node: process.version,
    options,
    scenarios: found,
  }
  if (html !== null) writeFileSync(html, reportHtml(report))
  if (json !== null && json !== '-') writeFileSync(json, `${JSON.stringify(report)}\n`)
  process.stdout.write(json === '-' ? `${JSON.stringify(report)}\n` : `${reportText(report)}\n`)
}
