/** What is known to be wrong with the Node that this runs on. */

/** The first release of each line in which JSON keys cannot be made to collide (CVE-2026-21717, CVE-2025-27209). */
const SAFE: Readonly<Record<number, readonly [minor: number, patch: number]>> = {
  20: [20, 2],
  22: [22, 2],
  24: [14, 1],
}

/** One line for the operator; null where nothing is known. `version` as `process.version` has it. */
export const nodeWarning = (version: string): string | null => {
  const [major, minor, patch] = version.slice(1).split('.').map(Number) as [number, number, number]
  const safe = SAFE[major]
  if (safe === undefined || minor > safe[0] || (minor === safe[0] && patch >= safe[1])) return null
  return `Node ${version} lets a peer slow the process down with colliding JSON keys (CVE-2026-21717); v${major}.${safe.join('.')} does not`
}
