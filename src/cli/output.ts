/** What commands print: tables for people, JSON for programs. */

export interface OutputFlags {
  readonly json?: true
}

/** One line of JSON with `--json`, else the text. */
export const print = ({ json }: OutputFlags, value: unknown, text: () => string): void => {
  process.stdout.write(`${json === true ? JSON.stringify(value) : text()}\n`)
}

/** Rows under their heads, columns aligned. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** An instant to the minute, in UTC. */
export const instant = (at: number | null): string =>
  at === null ? 'never' : new Date(at).toISOString().slice(0, 16).replace('T', ' ')

export const receiptText =
  (what: string) =>
  ({ revoked, sockets_closed }: { revoked: number; sockets_closed: number }): string =>
    `${what}; ${revoked} ${revoked === 1 ? 'session' : 'sessions'} ended, ${sockets_closed} ${sockets_closed === 1 ? 'socket' : 'sockets'} closed`
