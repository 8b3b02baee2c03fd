/** What every subscriber asks for: a board that shows the state of every job. */
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
