/** Milliseconds of the clock that all threads and processes of a machine share. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6
