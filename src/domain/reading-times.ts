/** When a state of something was read from the platform. What was true at some time between the two is what it shows. */
export interface ReadingTimes {
  /** When the gateway asked: the state is no older. */
  readonly requestedAt: Date;
  /** When the gateway read this state: it is no newer. */
  readonly observedAt: Date;
}
