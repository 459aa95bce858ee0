/** One value from a gateway's metrics, by the name and labels that begin its line; 0 where there is none. */
export const metric = async ({ adminUrl }: { readonly adminUrl: string }, line: string): Promise<number> => {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  const found = text.split('\n').find((row) => row.startsWith(`${line} `))
  return found === undefined ? 0 : Number(found.slice(line.length + 1))
}
