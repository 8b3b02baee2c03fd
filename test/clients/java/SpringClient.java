import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.springframework.core.codec.DecodingException;
import org.springframework.graphql.client.GraphQlClient;
import org.springframework.graphql.client.GraphQlTransportException;
import org.springframework.graphql.client.HttpGraphQlClient;
import org.springframework.graphql.client.WebSocketDisconnectedException;
import org.springframework.graphql.client.WebSocketGraphQlClient;
import org.springframework.web.reactive.function.client.WebClient;
import org.springframework.web.reactive.socket.client.ReactorNettyWebSocketClient;
import reactor.core.publisher.Flux;
import reactor.util.retry.Retry;

/** GraphQL with the clients of Spring. */
public final class SpringClient {
  private static final String URL = System.getenv("GATEWAY_URL");
  private static final String TOKEN = "Bearer " + System.getenv("GATEWAY_TOKEN");

  record Dataset(String name) {}
  record BatchFile(long sizeBytes, URI downloadUrl) {}
  record Files(List<BatchFile> nodes) {}
  record Batch(String status, Files files) {}
  record WrittenBatch(Batch batch) {}
  record Destination(Dataset dataset, List<WrittenBatch> batches) {}
  record Job(String id, String status, Instant createdAt, Destination destination) {}
  record Issue(String path, String message) {}
  record Event(String kind, String cursor, Job job) {}

  /** All members of the union. `__typename` names the one that was returned. */
  record CreateResult(
      @JsonProperty("__typename") String type, Job exportJob, String code, String message, List<Issue> issues) {}

  public static void main(String[] args) {
    var http = HttpGraphQlClient.builder(WebClient.create(URL)).header("Authorization", TOKEN).build();
    var socket = WebSocketGraphQlClient.builder(URL.replace("http", "ws"), new ReactorNettyWebSocketClient())
        .header("Authorization", TOKEN)
        .build();
    // The HTTP client subscribes over event streams.
    var subscriptions = args[0].equals("http") ? http : socket;

    var jobs = http.document("""
        query ListJobs($first: Int!, $statuses: [ExportJobStatus!]) {
          exportJobs(first: $first, filter: { statuses: $statuses }) {
            nodes { id status createdAt destination { dataset { name } } }
          }
        }
        """)
        .variable("first", 3)
        .variable("statuses", List.of("SUCCEEDED"))
        .retrieve("exportJobs.nodes")
        .toEntityList(Job.class)
        .block();
    Report.write("query", Map.of("jobs", jobs.stream().map(job -> Map.of(
        "id", job.id(),
        "status", job.status(),
        "createdMs", job.createdAt().toEpochMilli(),
        "dataset", job.destination().dataset().name())).toList()));

    var rejected = create(http, "");
    if (!rejected.type().equals("InvalidInputError")) throw new IllegalStateException("unexpected result " + rejected);
    var job = create(http, "person.name").exportJob();
    Report.write("mutation", Map.of(
        "rejected", Map.of("code", rejected.code(), "paths", rejected.issues().stream().map(Issue::path).toList()),
        "created", Map.of("id", job.id(), "status", job.status())));

    watch(subscriptions, job.id()).doOnNext(event -> {
      var result = new HashMap<String, Object>(Map.of("kind", event.kind(), "cursor", event.cursor()));
      result.put("status", event.job() == null ? null : event.job().status());
      Report.write("event", result);
    }).blockLast();
    System.out.println("end");
    socket.stop().block();

    var file = http.document("""
        query ReadFiles($id: ID!) {
          exportJob(id: $id) {
            destination { batches { batch { files(first: 1) { nodes { sizeBytes downloadUrl } } } } }
          }
        }
        """)
        .variable("id", job.id())
        .retrieve("exportJob")
        .toEntity(Job.class)
        .map(found -> found.destination().batches().get(0).batch().files().nodes().get(0))
        .block();
    WebClient.create().get().uri(file.downloadUrl()).header("Range", "bytes=0-3").retrieve().toEntity(String.class)
        .doOnNext(response -> Report.write("download", Map.of(
            "size", file.sizeBytes(),
            "status", response.getStatusCode().value(),
            "range", response.getHeaders().getFirst("Content-Range"),
            "content", response.getBody())))
        .block();
  }

  private static CreateResult create(HttpGraphQlClient client, String field) {
    var target = Map.of("newDataset", Map.of("name", "From a client"));
    return client.document("""
        mutation CreateExport($input: CreateExportJobInput!) {
          createExportJob(input: $input) {
            __typename
            ... on CreateExportJobPayload { exportJob { id status } }
            ... on InvalidInputError { issues { path message } }
            ... on Error { code message }
          }
        }
        """)
        .variable("input", Map.of("fields", List.of(field), "destination", Map.of("target", target)))
        .retrieve("createExportJob")
        .toEntity(CreateResult.class)
        .block();
  }

  /** The events of a job until its end. A new connection continues after the last event. */
  private static Flux<Event> watch(GraphQlClient client, String id) {
    var after = new AtomicReference<String>();
    return Flux.defer(() -> client.document("""
            subscription WatchExport($ids: [ID!], $after: String) {
              exportJobChanged(ids: $ids, after: $after) {
                kind
                cursor
                job { status destination { batches { batch { status } } } }
              }
            }
            """)
            .variable("ids", List.of(id))
            .variable("after", after.get())
            .retrieveSubscription("exportJobChanged")
            .toEntity(Event.class))
        .doOnNext(event -> after.set(event.cursor()))
        // Over HTTP, the client reads the empty data of the event `complete` as JSON, and fails.
        .onErrorComplete(error -> error.getCause() instanceof DecodingException)
        // The client connects again with the next subscription.
        .retryWhen(Retry.backoff(Long.MAX_VALUE, Duration.ofSeconds(1))
            .maxBackoff(Duration.ofSeconds(30))
            .transientErrors(true)
            .filter(SpringClient::isLost));
  }

  private static boolean isLost(Throwable error) {
    return error instanceof WebSocketDisconnectedException
        || error instanceof GraphQlTransportException
        || error instanceof IOException;
  }
}
