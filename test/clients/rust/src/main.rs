use std::{env, error::Error, future::IntoFuture, time::Duration};

use futures_util::StreamExt;
use graphql_client::{GraphQLQuery, Response};
use graphql_ws_client::{graphql::StreamingOperation, Client};
use serde_json::{json, Value};
use tokio_tungstenite::tungstenite::{client::IntoClientRequest, http::HeaderValue};

// The custom scalars of the schema.
type DateTime = chrono::DateTime<chrono::Utc>;
type SafeInt = i64;
#[allow(clippy::upper_case_acronyms)]
type URL = String;

#[derive(GraphQLQuery)]
#[graphql(schema_path = "api.graphql", query_path = "operations.graphql", response_derives = "Debug, Serialize")]
struct ListJobs;

#[derive(GraphQLQuery)]
#[graphql(
    schema_path = "api.graphql",
    query_path = "operations.graphql",
    response_derives = "Debug, Serialize",
    variables_derives = "Deserialize"
)]
struct CreateExport;

#[derive(GraphQLQuery)]
#[graphql(schema_path = "api.graphql", query_path = "operations.graphql", response_derives = "Debug, Serialize")]
struct WatchExport;

#[derive(GraphQLQuery)]
#[graphql(schema_path = "api.graphql", query_path = "operations.graphql", response_derives = "Debug, Serialize")]
struct ReadFiles;

type Failure = Box<dyn Error>;

struct Gateway {
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Gateway {
    async fn send<Q: GraphQLQuery>(&self, variables: Q::Variables) -> Result<Q::ResponseData, Failure> {
        let request = self.http.post(&self.url).header("authorization", &self.token);
        data_of(request.json(&Q::build_query(variables)).send().await?.json().await?)
    }

    async fn create(&self, field: &str) -> Result<create_export::CreateExportCreateExportJob, Failure> {
        // The type of the input has a member for each optional argument, which serde leaves out.
        let input = serde_json::from_value(json!({
            "fields": [field],
            "destination": { "target": { "newDataset": { "name": "From a client" } } },
        }))?;
        let data = self.send::<CreateExport>(create_export::Variables { input }).await?;
        data.create_export_job.ok_or_else(|| "no result".into())
    }

    /// Writes each event of a job until its end. A new connection continues after the last event.
    async fn watch(&self, id: &str) -> Result<(), Failure> {
        let mut after = None;
        while !self.read_events(id, &mut after).await? {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// Returns whether the subscription has completed. Otherwise its connection was lost.
    async fn read_events(&self, id: &str, after: &mut Option<String>) -> Result<bool, Failure> {
        let mut request = self.url.replacen("http", "ws", 1).into_client_request()?;
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        let Ok((connection, _)) = tokio_tungstenite::connect_async(request).await else { return Ok(false) };
        let builder = Client::build(connection).payload(json!({ "Authorization": self.token }))?;
        let Ok((client, actor)) = builder.await else { return Ok(false) };
        let variables = watch_export::Variables { ids: Some(vec![id.to_owned()]), after: after.clone() };
        // The stream ends in the same way at the end of the subscription and of the connection. The actor ends only
        // with the connection.
        let mut actor = actor.into_future();
        let subscribing = client.subscribe(StreamingOperation::<WatchExport>::new(variables));
        let mut events = tokio::select! {
            () = &mut actor => return Ok(false),
            events = subscribing => events?,
        };
        loop {
            let response = tokio::select! {
                biased;
                () = &mut actor => return Ok(false),
                response = events.next() => response,
            };
            let Some(response) = response else { return Ok(true) };
            let event = data_of(response?)?.export_job_changed;
            report("event", &json!({
                "kind": event.kind,
                "cursor": event.cursor,
                "status": event.job.map(|job| job.status),
            }));
            *after = Some(event.cursor);
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let gateway = Gateway {
        url: env::var("GATEWAY_URL")?,
        token: format!("Bearer {}", env::var("GATEWAY_TOKEN")?),
        http: reqwest::Client::new(),
    };

    let statuses = Some(vec![list_jobs::ExportJobStatus::SUCCEEDED]);
    let page = gateway.send::<ListJobs>(list_jobs::Variables { first: 3, statuses }).await?;
    let jobs: Vec<Value> = page.export_jobs.ok_or("no jobs")?.nodes.into_iter().map(|job| json!({
        "id": job.id,
        "status": job.status,
        "createdMs": job.created_at.timestamp_millis(),
        "dataset": job.destination.dataset.map(|dataset| dataset.name),
    })).collect();
    report("query", &json!({ "jobs": jobs }));

    use create_export::CreateExportCreateExportJob as Created;
    let Created::InvalidInputError(rejected) = gateway.create("").await? else { return Err("no rejection".into()) };
    let Created::CreateExportJobPayload(created) = gateway.create("person.name").await? else {
        return Err("no job".into());
    };
    let job = created.export_job;
    let paths: Vec<String> = rejected.issues.into_iter().map(|issue| issue.path).collect();
    report("mutation", &json!({
        "rejected": { "code": rejected.code, "paths": paths },
        "created": { "id": job.id, "status": job.status },
    }));

    gateway.watch(&job.id).await?;
    println!("end");

    let found = gateway.send::<ReadFiles>(read_files::Variables { id: job.id }).await?;
    let batches = found.export_job.ok_or("no job")?.destination.batches;
    let files = batches.into_iter().find_map(|written| written.batch?.files).ok_or("no batch")?;
    let file = files.nodes.into_iter().next().ok_or("no file")?;
    let response = gateway.http.get(file.download_url).header("range", "bytes=0-3").send().await?;
    report("download", &json!({
        "size": file.size_bytes,
        "status": response.status().as_u16(),
        "range": response.headers()["content-range"].to_str()?,
        "content": response.text().await?,
    }));
    Ok(())
}

fn data_of<Data>(response: Response<Data>) -> Result<Data, Failure> {
    match response {
        Response { data: Some(data), errors: None, .. } => Ok(data),
        Response { errors, .. } => Err(format!("{errors:?}").into()),
    }
}

fn report(name: &str, result: &Value) {
    println!("{name} {result}");
}
