/**
 * @generated SignedSource<<35896c8a85db53fa5356c2fd2bb3b59a>>
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import type { ConcreteRequest } from 'relay-runtime';
export type SegmentMembershipStatus = "EXISTING" | "EXITED" | "REALIZED" | "UNKNOWN" | "%future added value";
export type CreateExportJobInput = {
  destination: ExportDestinationInput;
  evaluateSegments?: boolean | null | undefined;
  eventList?: EventListInput | null | undefined;
  fields?: ReadonlyArray<string> | null | undefined;
  filter?: ExportFilterInput | null | undefined;
  idempotencyKey?: string | null | undefined;
  mergePolicy?: MergePolicyReferenceInput | null | undefined;
  schemaName?: string | null | undefined;
  skipChecks?: boolean | null | undefined;
  waitForBatch?: boolean | null | undefined;
};
export type ExportDestinationInput = {
  segmentPerBatch?: boolean | null | undefined;
  target: ExportTargetInput;
};
export type ExportTargetInput = {
  datasetId: string;
  newDataset?: never;
} | {
  datasetId?: never;
  newDataset: CreateDatasetInput;
};
export type CreateDatasetInput = {
  description?: string | null | undefined;
  fileFormat?: string | null | undefined;
  idempotencyKey?: string | null | undefined;
  name: string;
  schemaRef?: SchemaRefInput | null | undefined;
  tags?: ReadonlyArray<TagInput> | null | undefined;
};
export type SchemaRefInput = {
  contentType?: string | null | undefined;
  id: string;
};
export type TagInput = {
  name: string;
  values: ReadonlyArray<string>;
};
export type EventListInput = {
  fields?: ReadonlyArray<string> | null | undefined;
  fromIngestTimestamp?: string | null | undefined;
  toIngestTimestamp?: string | null | undefined;
};
export type ExportFilterInput = {
  emptyProfiles?: boolean | null | undefined;
  fromIngestTimestamp?: string | null | undefined;
  segmentQualificationTime?: TimeWindowInput | null | undefined;
  segments?: ReadonlyArray<SegmentSelectionInput> | null | undefined;
};
export type TimeWindowInput = {
  endTime?: string | null | undefined;
  startTime?: string | null | undefined;
};
export type SegmentSelectionInput = {
  segmentId: string;
  segmentNs?: string | null | undefined;
  statuses?: ReadonlyArray<SegmentMembershipStatus> | null | undefined;
};
export type MergePolicyReferenceInput = {
  id: string;
  version?: number | null | undefined;
};
export type mainStartExportMutation$variables = {
  input: CreateExportJobInput;
};
export type mainStartExportMutation$data = {
  readonly createExportJob: {
    readonly __typename: string;
    readonly code?: string;
    readonly exportJob?: {
      readonly id: string;
    };
    readonly message?: string;
  } | null | undefined;
};
export type mainStartExportMutation = {
  response: mainStartExportMutation$data;
  variables: mainStartExportMutation$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "input"
  }
],
v1 = [
  {
    "kind": "Variable",
    "name": "input",
    "variableName": "input"
  }
],
v2 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "__typename",
  "storageKey": null
},
v3 = [
  {
    "alias": null,
    "args": null,
    "kind": "ScalarField",
    "name": "id",
    "storageKey": null
  }
],
v4 = {
  "kind": "InlineFragment",
  "selections": [
    {
      "alias": null,
      "args": null,
      "concreteType": "ExportJob",
      "kind": "LinkedField",
      "name": "exportJob",
      "plural": false,
      "selections": (v3/*:: as any*/),
      "storageKey": null
    }
  ],
  "type": "CreateExportJobPayload",
  "abstractKey": null
},
v5 = {
  "kind": "InlineFragment",
  "selections": [
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "code",
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "message",
      "storageKey": null
    }
  ],
  "type": "Error",
  "abstractKey": "__isError"
};
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "mainStartExportMutation",
    "selections": [
      {
        "alias": null,
        "args": (v1/*:: as any*/),
        "concreteType": null,
        "kind": "LinkedField",
        "name": "createExportJob",
        "plural": false,
        "selections": [
          (v2/*:: as any*/),
          (v4/*:: as any*/),
          (v5/*:: as any*/)
        ],
        "storageKey": null
      }
    ],
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "mainStartExportMutation",
    "selections": [
      {
        "alias": null,
        "args": (v1/*:: as any*/),
        "concreteType": null,
        "kind": "LinkedField",
        "name": "createExportJob",
        "plural": false,
        "selections": [
          (v2/*:: as any*/),
          (v4/*:: as any*/),
          (v5/*:: as any*/),
          {
            "kind": "InlineFragment",
            "selections": (v3/*:: as any*/),
            "type": "NotFoundError",
            "abstractKey": null
          }
        ],
        "storageKey": null
      }
    ]
  },
  "params": {
    "cacheID": "7303588f3e7c2e6349d31201e4254e05",
    "id": null,
    "metadata": {},
    "name": "mainStartExportMutation",
    "operationKind": "mutation",
    "text": "mutation mainStartExportMutation(\n  $input: CreateExportJobInput!\n) {\n  createExportJob(input: $input) {\n    __typename\n    ... on CreateExportJobPayload {\n      exportJob {\n        id\n      }\n    }\n    ... on Error {\n      __isError: __typename\n      code\n      message\n    }\n    ... on NotFoundError {\n      id\n    }\n  }\n}\n"
  }
};
})();

(node as any).hash = "a458a23141fdce0b32f2120bc9056145";

export default node;
