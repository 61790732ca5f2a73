/** What is looked at of the errors that the drivers raise. */
export interface DriverError {
  /** A name of the driver's or of the system's; of PostgreSQL, the five characters of an SQLSTATE. */
  code?: string;
  errno?: number;
  sqlState?: string;
  message?: string;
  fatal?: boolean;
}

/** TypeORM's QueryFailedError carries the driver's own error. */
export function driverError(error: unknown): DriverError | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  return ('driverError' in error ? error.driverError : error) as DriverError | undefined;
}

export function messageOf(error: unknown): string {
  return driverError(error)?.message ?? '';
}
