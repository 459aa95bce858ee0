/** Queries of the hot path, compiled once: to build the text of one costs more than to run it. */
import type { Compilable, CompiledQuery } from 'kysely'
import type { Db } from './log.ts'

/** Repeats the last one until the length is a power of two: ten statements instead of one for each length. */
const padded = <T>(values: readonly T[]): readonly T[] => {
  const length = 2 ** Math.ceil(Math.log2(values.length))
  return [...values, ...Array<T>(length - values.length).fill(values[values.length - 1] as T)]
}

/** The rows of a query whose only parameters are a list, in the place that `build` gives it. */
export const byList = <T, R>(
  build: (db: Db, values: readonly T[]) => Compilable<R>,
): ((db: Db, values: readonly T[]) => Promise<R[]>) => {
  const byLength = new Map<number, CompiledQuery<R>>()
  return async (db, values) => {
    if (values.length === 0) return []
    const parameters = padded(values)
    let query = byLength.get(parameters.length)
    if (query === undefined) {
      query = build(db, parameters).compile()
      byLength.set(parameters.length, query)
    }
    return (await db.executeQuery<R>({ ...query, parameters })).rows
  }
}

/** The rows of a query that is always the same. */
export const always = <R>(build: (db: Db) => Compilable<R>): ((db: Db) => Promise<R[]>) => {
  let query: CompiledQuery<R> | null = null
  return async (db) => {
    query ??= build(db).compile()
    return (await db.executeQuery(query)).rows
  }
}
