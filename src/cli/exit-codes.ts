/** What the command ends with, by the names of sysexits.h. */

/** Wrong use: an argument, a setting. */
export const EX_USAGE = 64
/** The service cannot be had: port taken, directory in use, database refused. */
export const EX_UNAVAILABLE = 69
