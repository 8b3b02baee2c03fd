import type { GraphiQLOptions } from 'graphql-yoga';

const recentJobs = `# What is going on: the newest export jobs, where they go, what they wrote.
query RecentExportJobs {
  viewer {
    organizationId
    sandbox { name type }
  }
  exportJobs(first: 10) {
    nodes {
      id
      status
      createdAt
      destination {
        dataset { id name }
        batches { batch { id status recordCount } }
      }
      metrics { totalExportedProfiles exportedProfilesByNamespace { namespace count } }
      errors { code message }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;

const createExport = `# Starts an export into a new dataset. Run the tab "Watch" first to see it go by.
mutation CreateExport {
  createExportJob(
    input: {
      fields: ["identityMap", "person.name", "personalEmail.address"]
      destination: { target: { newDataset: { name: "Profiles, from GraphiQL" } } }
    }
  ) {
    __typename
    ... on CreateExportJobPayload {
      exportJob { id status destination { dataset { id name } } }
    }
    ... on InvalidInputError { issues { path message } }
    ... on Error { code message }
  }
}
`;

const watch = `# Every job of the sandbox that has not ended, then every change, as it happens.
subscription WatchExportJobs {
  exportJobChanged {
    kind
    previousStatus
    cursor
    job {
      id
      status
      metrics { totalExportedProfiles }
      errors { message }
    }
  }
}
`;

const files = `# The files that the last successful exports wrote. A downloadUrl works in the browser.
query ExportedFiles {
  exportJobs(first: 3, filter: { statuses: [SUCCEEDED] }) {
    nodes {
      id
      destination {
        batches {
          batch {
            id
            sizeBytes
            files { nodes { name sizeBytes downloadUrl } }
          }
        }
      }
    }
  }
}
`;

/** The documents that GraphiQL opens with. Each runs as it is, against an emulator. */
export const exampleOperations: readonly string[] = [recentJobs, watch, createExport, files];

export const graphiqlOptions: GraphiQLOptions = {
  title: 'aep-export-gateway',
  defaultQuery: recentJobs,
  defaultTabs: exampleOperations.map((query) => ({ query })),
  // WebSocket: the same socket that applications use.
  subscriptionsProtocol: 'WS',
};

/** GraphiQL with everything it needs in one page: no script from another host ever sees a token typed into it. */
export async function renderGraphiQL(options: GraphiQLOptions): Promise<string> {
  // Nine megabytes, wanted only where a browser opens the page.
  const page = await import('@graphql-yoga/render-graphiql');
  return page.renderGraphiQL(options);
}
