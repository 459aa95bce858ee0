/** Latencies as a report shows them. */
import type { Histogram } from 'hdr-histogram-js'
import { newHistogram } from './load/schedule.ts'
import type { LatencyRow } from './scenario.ts'

const PERCENTILES = [0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100]

export const latencyRow = (name: string, latency: Histogram, lost: number): LatencyRow => {
  const at = (percentile: number): number => latency.getValueAtPercentile(percentile)
  return {
    name,
    p50: at(50),
    p99: at(99),
    p999: at(99.9),
    max: latency.totalCount === 0 ? 0 : latency.maxValue,
    count: latency.totalCount,
    lost,
    curve: PERCENTILES.map((percentile) => [percentile, at(percentile)] as const),
  }
}

/** `ms`: milliseconds, one for each operation. */
export const latencyRowOf = (name: string, ms: readonly number[], lost: number): LatencyRow => {
  const latency = newHistogram()
  for (const one of ms) latency.recordValue(Math.max(1, Math.round(one * 1000)))
  return latencyRow(name, latency, lost)
}
