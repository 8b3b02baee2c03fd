/** The period in which a state was read from the platform. The state was current at some time in this period. */
export interface ReadingTimes {
  /** Time of the gateway's request. The state is not older. */
  readonly requestedAt: Date;
  /** Time at which the gateway had read the response. The state is not newer. */
  readonly observedAt: Date;
}

/** A mark that a live view adds to a running job. */
export interface OverdueMark {
  /**
   * Time at which the live view found that the job runs longer than expected. Absent outside of live views, before that
   * time, and after the end of the job.
   */
  readonly overdueAt?: Date;
}

export const isMarkedOverdue = ({ overdueAt }: OverdueMark): boolean => overdueAt !== undefined;
