/** The same HTTP requests on a baseline and on everything that answers them. */
import { HttpLoad, type HttpRequest } from '../load/http.ts'
import type { Bench, Finding } from '../scenario.ts'
import type { Target } from '../target.ts'
import type { BareAnswers } from '../targets/bare-server.ts'
import { contend } from './contend.ts'

const prepare = async (url: string, requests: readonly HttpRequest[]): Promise<HttpLoad> => {
  const load = new HttpLoad(url, requests)
  await load.prepare()
  return load
}

export const httpContest = async (
  bench: Bench,
  title: string,
  answers: Partial<BareAnswers>,
  requests: (target: Target) => readonly HttpRequest[] | null,
): Promise<readonly Finding[]> => {
  const { contestants, findings } = await contend(bench, {
    title,
    answers,
    withWs: false,
    load: (target) => {
      const wanted = requests(target)
      return wanted === null ? null : prepare(target.url, wanted)
    },
  })
  for (const { pool } of contestants) await pool.close()
  return findings
}
