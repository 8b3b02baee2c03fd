/** The period in which a state was read from the platform. The state was current at some time in this period. */
export interface ReadingTimes {
  /** Time of the gateway's request. The state is not older. */
  readonly requestedAt: Date;
  /** Time at which the gateway had read the response. The state is not newer. */
  readonly observedAt: Date;
}
