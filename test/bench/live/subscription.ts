/** The subscription of every subscriber: a board with the state of every job. */
export const subscription = `subscription WatchExportJobs {
  exportJobChanged {
    kind
    cursor
    observedAt
    previousStatus
    job {
      id
      platformId
      status
      isTerminal
      metrics { totalExportedProfiles totalTime { startedAt endedAt } exportedProfilesByNamespace { namespace count } }
      destination { datasetId segmentPerBatch }
      errors { code message }
      createdAt
      updatedAt
    }
  }
}`;

/** A subscription without events, because no job is cancelled. */
export const silentSubscription = 'subscription { exportJobChanged(filter: { statuses: [CANCELLED] }) { observedAt } }';
