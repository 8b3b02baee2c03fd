import type { GraphiQLOptions } from 'graphql-yoga';

const recentJobs = `# The newest export jobs: destination, batches, metrics.
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

const createExport = `# Starts an export into a new dataset.
# GraphiQL ends a subscription when you change the tab.
# To see this job live, first run WatchExportJobs
# in a second browser window.
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

const watch = `# Each unfinished job, then each change as it happens.
# Keep this tab open. Create a job in a second window.
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

const files = `# Files of the last successful exports.
# Open a downloadUrl in the browser to save the file.
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

/** The documents that GraphiQL opens with. Each runs unchanged against the emulator. */
export const exampleOperations: readonly string[] = [recentJobs, watch, createExport, files];

const graphiqlOptions: GraphiQLOptions = {
  title: 'aep-export-gateway',
  defaultQuery: recentJobs,
  defaultTabs: exampleOperations.map((query) => ({ query })),
  // WebSocket: the same socket that applications use.
  subscriptionsProtocol: 'WS',
};

/** Without it, phones lay the page out 980 pixels wide. The renderer sends none. */
const viewport = '<meta name="viewport" content="width=device-width, initial-scale=1" />';

/** Renders GraphiQL in one page without scripts from other hosts, so that no other host reads a token typed into it. */
export async function renderGraphiQL(): Promise<string> {
  // Nine megabytes, which are loaded when a browser first opens the page.
  const page = await import('@graphql-yoga/render-graphiql');
  return page.renderGraphiQL(graphiqlOptions).replace('<head>', (head) => `${head}${viewport}`);
}
