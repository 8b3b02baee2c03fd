/** Limits are written and reported in MiB, and counted in bytes. */
export const bytesPerMiB = 1024 * 1024;
