/** What could not be measured, in one line for whoever asked: a server that ended, or refused what it should let in. */
export class BenchFailed extends Error {
  override readonly name = 'BenchFailed'
}
