/**
 * @generated SignedSource<<8d18fc06303f511a9a126912f7eed8eb>>
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import type { ConcreteRequest } from 'relay-runtime';
export type ExportJobStatus = "CANCELLED" | "CANCELLING" | "FAILED" | "NEW" | "PROCESSING" | "QUEUED" | "SUCCEEDED" | "UNKNOWN" | "%future added value";
export type mainRecentJobsQuery$variables = Record<PropertyKey, never>;
export type mainRecentJobsQuery$data = {
  readonly exportJobs: {
    readonly edges: ReadonlyArray<{
      readonly node: {
        readonly createdAt: string;
        readonly id: string;
        readonly metrics: {
          readonly totalExportedProfiles: number | null | undefined;
        };
        readonly status: ExportJobStatus;
      };
    }>;
  } | null | undefined;
};
export type mainRecentJobsQuery = {
  response: mainRecentJobsQuery$data;
  variables: mainRecentJobsQuery$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "alias": null,
    "args": null,
    "concreteType": "ExportJobEdge",
    "kind": "LinkedField",
    "name": "edges",
    "plural": true,
    "selections": [
      {
        "alias": null,
        "args": null,
        "concreteType": "ExportJob",
        "kind": "LinkedField",
        "name": "node",
        "plural": false,
        "selections": [
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "id",
            "storageKey": null
          },
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "status",
            "storageKey": null
          },
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "createdAt",
            "storageKey": null
          },
          {
            "alias": null,
            "args": null,
            "concreteType": "ExportMetrics",
            "kind": "LinkedField",
            "name": "metrics",
            "plural": false,
            "selections": [
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "totalExportedProfiles",
                "storageKey": null
              }
            ],
            "storageKey": null
          },
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "__typename",
            "storageKey": null
          }
        ],
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "cursor",
        "storageKey": null
      }
    ],
    "storageKey": null
  },
  {
    "alias": null,
    "args": null,
    "concreteType": "PageInfo",
    "kind": "LinkedField",
    "name": "pageInfo",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "endCursor",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "hasNextPage",
        "storageKey": null
      }
    ],
    "storageKey": null
  }
],
v1 = [
  {
    "kind": "Literal",
    "name": "first",
    "value": 4
  }
];
return {
  "fragment": {
    "argumentDefinitions": [],
    "kind": "Fragment",
    "metadata": null,
    "name": "mainRecentJobsQuery",
    "selections": [
      {
        "alias": "exportJobs",
        "args": null,
        "concreteType": "ExportJobConnection",
        "kind": "LinkedField",
        "name": "__main_exportJobs_connection",
        "plural": false,
        "selections": (v0/*:: as any*/),
        "storageKey": null
      }
    ],
    "type": "Query",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": [],
    "kind": "Operation",
    "name": "mainRecentJobsQuery",
    "selections": [
      {
        "alias": null,
        "args": (v1/*:: as any*/),
        "concreteType": "ExportJobConnection",
        "kind": "LinkedField",
        "name": "exportJobs",
        "plural": false,
        "selections": (v0/*:: as any*/),
        "storageKey": "exportJobs(first:4)"
      },
      {
        "alias": null,
        "args": (v1/*:: as any*/),
        "filters": null,
        "handle": "connection",
        "key": "main_exportJobs",
        "kind": "LinkedHandle",
        "name": "exportJobs"
      }
    ]
  },
  "params": {
    "cacheID": "38815e8ed7161ce09ac0d33c42b17bc0",
    "id": null,
    "metadata": {
      "connection": [
        {
          "count": null,
          "cursor": null,
          "direction": "forward",
          "path": [
            "exportJobs"
          ]
        }
      ]
    },
    "name": "mainRecentJobsQuery",
    "operationKind": "query",
    "text": "query mainRecentJobsQuery {\n  exportJobs(first: 4) {\n    edges {\n      node {\n        id\n        status\n        createdAt\n        metrics {\n          totalExportedProfiles\n        }\n        __typename\n      }\n      cursor\n    }\n    pageInfo {\n      endCursor\n      hasNextPage\n    }\n  }\n}\n"
  }
};
})();

(node as any).hash = "5b18c6b5eb5ce975470a609599d855f8";

export default node;
