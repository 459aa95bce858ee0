/** Reads a new password: twice at a prompt that does not show it, or one line of standard input. Never from an argument. */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { EX_USAGE, fail } from './failure.ts'

const firstLine = async (): Promise<string> => {
  for await (const line of createInterface({ input: process.stdin })) return line
  return ''
}

const prompt = (question: string): Promise<string> =>
  new Promise((resolve) => {
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
    const reading = createInterface({ input: process.stdin, output: silent, terminal: true })
    process.stderr.write(question)
    reading.once('line', (line) => {
      reading.close()
      process.stderr.write('\n')
      resolve(line)
    })
    reading.once('SIGINT', () => process.exit(130))
  })

export const readPassword = async (fromStdin: boolean): Promise<string> => {
  if (!fromStdin && !process.stdin.isTTY) {
    return fail(EX_USAGE, 'no terminal to ask for the password; give it with --password-stdin')
  }
  const password = fromStdin ? await firstLine() : await prompt('New password: ')
  if (password === '') return fail(EX_USAGE, 'the password must not be empty')
  if (!fromStdin && (await prompt('Again: ')) !== password) return fail(EX_USAGE, 'the two passwords are not the same')
  return password
}
