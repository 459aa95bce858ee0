/** Builds once before the tests: the suites that start a process run what a user runs. */
import { execFileSync } from 'node:child_process'

export default (): void => {
  execFileSync(process.execPath, ['build.mjs', '--if-stale'], { stdio: 'inherit' })
}
