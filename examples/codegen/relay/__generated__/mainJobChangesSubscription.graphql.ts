/**
 * @generated SignedSource<<0660ff1fa7b192ab9c166e6262f2198e>>
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import type { ConcreteRequest } from 'relay-runtime';
export type ExportJobStatus = "CANCELLED" | "CANCELLING" | "FAILED" | "NEW" | "PROCESSING" | "QUEUED" | "SUCCEEDED" | "UNKNOWN" | "%future added value";
export type WatchEventKind = "CHANGED" | "CREATED" | "RECOVERED" | "REMOVED" | "RESYNC" | "SNAPSHOT" | "STALE" | "%future added value";
export type mainJobChangesSubscription$variables = {
  after?: string | null | undefined;
  connections: ReadonlyArray<string>;
};
export type mainJobChangesSubscription$data = {
  readonly exportJobChanged: {
    readonly cursor: string;
    readonly job: {
      readonly createdAt: string;
      readonly id: string;
      readonly metrics: {
        readonly totalExportedProfiles: number | null | undefined;
      };
      readonly status: ExportJobStatus;
    } | null | undefined;
    readonly kind: WatchEventKind;
  };
};
export type mainJobChangesSubscription = {
  response: mainJobChangesSubscription$data;
  variables: mainJobChangesSubscription$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "after"
  },
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "connections"
  }
],
v1 = [
  {
    "kind": "Variable",
    "name": "after",
    "variableName": "after"
  }
],
v2 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "kind",
  "storageKey": null
},
v3 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "cursor",
  "storageKey": null
},
v4 = {
  "alias": null,
  "args": null,
  "concreteType": "ExportJob",
  "kind": "LinkedField",
  "name": "job",
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
    }
  ],
  "storageKey": null
};
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "mainJobChangesSubscription",
    "selections": [
      {
        "alias": null,
        "args": (v1/*:: as any*/),
        "concreteType": "ExportJobEvent",
        "kind": "LinkedField",
        "name": "exportJobChanged",
        "plural": false,
        "selections": [
          (v2/*:: as any*/),
          (v3/*:: as any*/),
          (v4/*:: as any*/)
        ],
        "storageKey": null
      }
    ],
    "type": "Subscription",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "mainJobChangesSubscription",
    "selections": [
      {
        "alias": null,
        "args": (v1/*:: as any*/),
        "concreteType": "ExportJobEvent",
        "kind": "LinkedField",
        "name": "exportJobChanged",
        "plural": false,
        "selections": [
          (v2/*:: as any*/),
          (v3/*:: as any*/),
          (v4/*:: as any*/),
          {
            "alias": null,
            "args": null,
            "filters": null,
            "handle": "prependNode",
            "key": "",
            "kind": "LinkedHandle",
            "name": "job",
            "handleArgs": [
              {
                "kind": "Variable",
                "name": "connections",
                "variableName": "connections"
              },
              {
                "kind": "Literal",
                "name": "edgeTypeName",
                "value": "ExportJobEdge"
              }
            ]
          }
        ],
        "storageKey": null
      }
    ]
  },
  "params": {
    "cacheID": "0bb16aedd13085670ffb86b44a412985",
    "id": null,
    "metadata": {},
    "name": "mainJobChangesSubscription",
    "operationKind": "subscription",
    "text": "subscription mainJobChangesSubscription(\n  $after: String\n) {\n  exportJobChanged(after: $after) {\n    kind\n    cursor\n    job {\n      id\n      status\n      createdAt\n      metrics {\n        totalExportedProfiles\n      }\n    }\n  }\n}\n"
  }
};
})();

(node as any).hash = "0e9522c456437b8d44084fd8098495ec";

export default node;
