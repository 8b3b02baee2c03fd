import asyncio
import json
import os
import sys
from datetime import datetime

import aiohttp
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportConnectionFailed
from gql.transport.websockets import WebsocketsTransport

url = os.environ["GATEWAY_URL"]
socket_url = url.replace("http", "ws", 1)
headers = {"Authorization": f"Bearer {os.environ['GATEWAY_TOKEN']}"}


def over_http():
    return AIOHTTPTransport(url, headers=headers)


def over_aiohttp_socket():
    return AIOHTTPWebsocketsTransport(socket_url, init_payload=headers)


def over_socket():
    return WebsocketsTransport(socket_url, init_payload=headers)


# Transports of requests and of subscriptions.
request_transport, subscription_transport = {
    "aiohttp": (over_http, over_aiohttp_socket),
    "multipart": (over_http, over_http),
    "websockets": (over_socket, over_socket),
}[sys.argv[1]]

LIST_JOBS = gql("""
  query ListJobs($first: Int!, $statuses: [ExportJobStatus!]) {
    exportJobs(first: $first, filter: { statuses: $statuses }) {
      nodes { id status createdAt destination { dataset { name } } }
    }
  }
""")

CREATE_EXPORT = gql("""
  mutation CreateExport($input: CreateExportJobInput!) {
    createExportJob(input: $input) {
      __typename
      ... on CreateExportJobPayload { exportJob { id status } }
      ... on InvalidInputError { issues { path message } }
      ... on Error { code message }
    }
  }
""")

WATCH_EXPORT = gql("""
  subscription WatchExport($ids: [ID!], $after: String) {
    exportJobChanged(ids: $ids, after: $after) {
      kind
      cursor
      job { status destination { batches { batch { status } } } }
    }
  }
""")

READ_FILES = gql("""
  query ReadFiles($id: ID!) {
    exportJob(id: $id) {
      destination { batches { batch { files(first: 1) { nodes { sizeBytes downloadUrl } } } } }
    }
  }
""")


def report(name, result):
    print(name, json.dumps(result), flush=True)


async def changes_of(ids):
    """The events of jobs until their end. A new connection continues after the last event."""
    after = None
    while True:
        try:
            async with Client(transport=subscription_transport()) as session:
                variables = {"ids": ids, "after": after}
                async for data in session.subscribe(WATCH_EXPORT, variable_values=variables):
                    event = data["exportJobChanged"]
                    after = event["cursor"]
                    yield event
                return
        except (TransportConnectionFailed, OSError, asyncio.TimeoutError):
            await asyncio.sleep(1)


async def create(session, fields):
    target = {"newDataset": {"name": "From a client"}}
    variables = {"input": {"fields": fields, "destination": {"target": target}}}
    return (await session.execute(CREATE_EXPORT, variable_values=variables))["createExportJob"]


async def main():
    async with Client(transport=request_transport()) as session:
        variables = {"first": 3, "statuses": ["SUCCEEDED"]}
        page = (await session.execute(LIST_JOBS, variable_values=variables))["exportJobs"]
        report("query", {
            "jobs": [
                {
                    "id": job["id"],
                    "status": job["status"],
                    "createdMs": round(datetime.fromisoformat(job["createdAt"]).timestamp() * 1000),
                    "dataset": job["destination"]["dataset"]["name"],
                }
                for job in page["nodes"]
            ]
        })

        rejected = await create(session, [""])
        # `__typename` names the member of the union. Every error type has `code` and `message`.
        if rejected["__typename"] != "InvalidInputError":
            raise RuntimeError(f"unexpected result {rejected}")
        job = (await create(session, ["person.name"]))["exportJob"]
        paths = [issue["path"] for issue in rejected["issues"]]
        report("mutation", {"rejected": {"code": rejected["code"], "paths": paths}, "created": job})

    async for event in changes_of([job["id"]]):
        status = None if event["job"] is None else event["job"]["status"]
        report("event", {"kind": event["kind"], "cursor": event["cursor"], "status": status})
    print("end", flush=True)

    async with Client(transport=request_transport()) as session:
        found = await session.execute(READ_FILES, variable_values={"id": job["id"]})
    file = found["exportJob"]["destination"]["batches"][0]["batch"]["files"]["nodes"][0]
    async with aiohttp.ClientSession() as session:
        async with session.get(file["downloadUrl"], headers={"Range": "bytes=0-3"}) as response:
            content = await response.read()
            report("download", {
                "size": file["sizeBytes"],
                "status": response.status,
                "range": response.headers["Content-Range"],
                "content": content.decode("latin-1"),
            })


asyncio.run(main())
