import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** GraphQL with the HTTP client of the JDK. By default, it offers HTTP/2, which the gateway ignores. */
public final class JdkClient {
  private static final URI URL = URI.create(System.getenv("GATEWAY_URL"));
  private static final String TOKEN = "Bearer " + System.getenv("GATEWAY_TOKEN");
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private static final String LIST_JOBS = """
      query ListJobs($first: Int!, $statuses: [ExportJobStatus!]) {
        exportJobs(first: $first, filter: { statuses: $statuses }) {
          nodes { id status createdAt destination { dataset { name } } }
        }
      }
      """;
  private static final String CREATE_EXPORT = """
      mutation CreateExport($input: CreateExportJobInput!) {
        createExportJob(input: $input) {
          __typename
          ... on CreateExportJobPayload { exportJob { id status } }
          ... on InvalidInputError { issues { path message } }
          ... on Error { code message }
        }
      }
      """;
  private static final String WATCH_EXPORT = """
      subscription WatchExport($ids: [ID!], $after: String) {
        exportJobChanged(ids: $ids, after: $after) {
          kind
          cursor
          job { status destination { batches { batch { status } } } }
        }
      }
      """;
  private static final String READ_FILES = """
      query ReadFiles($id: ID!) {
        exportJob(id: $id) {
          destination { batches { batch { files(first: 1) { nodes { sizeBytes downloadUrl } } } } }
        }
      }
      """;

  public static void main(String[] args) throws Exception {
    var jobs = new ArrayList<Map<String, Object>>();
    for (var job : send(LIST_JOBS, Map.of("first", 3, "statuses", List.of("SUCCEEDED"))).at("/exportJobs/nodes")) {
      jobs.add(Map.of(
          "id", job.get("id").asString(),
          "status", job.get("status").asString(),
          "createdMs", Instant.parse(job.get("createdAt").asString()).toEpochMilli(),
          "dataset", job.at("/destination/dataset/name").asString()));
    }
    Report.write("query", Map.of("jobs", jobs));

    var rejected = create("");
    // `__typename` names the member of the union. Every error type has `code` and `message`.
    if (!rejected.get("__typename").asString().equals("InvalidInputError")) {
      throw new IllegalStateException("unexpected result " + rejected);
    }
    var job = create("person.name").get("exportJob");
    Report.write("mutation", Map.of(
        "rejected", Map.of("code", rejected.get("code"), "paths", rejected.get("issues").findValues("path")),
        "created", job));

    var id = job.get("id").asString();
    watch(id);
    System.out.println("end");

    var file = send(READ_FILES, Map.of("id", id)).at("/exportJob/destination/batches/0/batch/files/nodes/0");
    var request = HttpRequest.newBuilder(URI.create(file.get("downloadUrl").asString()))
        .header("Range", "bytes=0-3")
        .build();
    var response = HTTP.send(request, BodyHandlers.ofString());
    Report.write("download", Map.of(
        "size", file.get("sizeBytes").asLong(),
        "status", response.statusCode(),
        "range", response.headers().firstValue("Content-Range").orElseThrow(),
        "content", response.body()));
  }

  private static JsonNode create(String field) throws Exception {
    var target = Map.of("newDataset", Map.of("name", "From a client"));
    var input = Map.of("fields", List.of(field), "destination", Map.of("target", target));
    return send(CREATE_EXPORT, Map.of("input", input)).get("createExportJob");
  }

  /** Writes each event of a job until its end. A new request continues after the last event. */
  private static void watch(String id) throws Exception {
    var variables = new HashMap<String, Object>(Map.of("ids", List.of(id)));
    while (true) {
      var request = request(WATCH_EXPORT, variables, "text/event-stream");
      try (var lines = HTTP.send(request, BodyHandlers.ofLines()).body()) {
        for (Iterator<String> each = lines.iterator(); each.hasNext(); ) {
          var line = each.next();
          // A stream that ends without this event was interrupted.
          if (line.equals("event: complete")) return;
          if (!line.startsWith("data: {")) continue;
          var event = dataOf(Report.JSON.readTree(line.substring(6))).get("exportJobChanged");
          variables.put("after", event.get("cursor"));
          var status = event.get("job").isNull() ? null : event.at("/job/status");
          var result = new HashMap<String, Object>(Map.of("kind", event.get("kind"), "cursor", event.get("cursor")));
          result.put("status", status);
          Report.write("event", result);
        }
      } catch (IOException | UncheckedIOException lost) {
        Thread.sleep(Duration.ofSeconds(1).toMillis());
      }
    }
  }

  private static JsonNode send(String query, Map<String, ?> variables) throws Exception {
    var response = HTTP.send(request(query, variables, "application/json"), BodyHandlers.ofString());
    return dataOf(Report.JSON.readTree(response.body()));
  }

  private static HttpRequest request(String query, Map<String, ?> variables, String accept) {
    var body = Report.JSON.writeValueAsString(Map.of("query", query, "variables", variables));
    return HttpRequest.newBuilder(URL)
        .header("Authorization", TOKEN)
        .header("Content-Type", "application/json")
        .header("Accept", accept)
        .POST(BodyPublishers.ofString(body))
        .build();
  }

  private static JsonNode dataOf(JsonNode result) {
    if (result.has("errors")) throw new IllegalStateException(result.get("errors").toString());
    return result.get("data");
  }
}
