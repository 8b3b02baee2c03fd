package client

import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.api.AnyAdapter
import com.apollographql.apollo.api.Optional
import com.apollographql.apollo.api.toJsonString
import com.apollographql.apollo.exception.ApolloNetworkException
import com.apollographql.apollo.exception.ApolloWebSocketClosedException
import com.apollographql.apollo.network.okHttpClient
import com.apollographql.apollo.network.websocket.WebSocketEngine
import com.apollographql.apollo.network.websocket.WebSocketNetworkTransport
import gateway.CreateExportMutation
import gateway.ListJobsQuery
import gateway.ReadFilesQuery
import gateway.WatchExportSubscription
import gateway.type.CreateDatasetInput
import gateway.type.CreateExportJobInput
import gateway.type.ExportDestinationInput
import gateway.type.ExportJobStatus
import gateway.type.ExportTargetInput
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.retryWhen
import kotlinx.coroutines.runBlocking
import okhttp3.OkHttpClient
import okhttp3.Request

private val url = System.getenv("GATEWAY_URL")
private val token = "Bearer ${System.getenv("GATEWAY_TOKEN")}"
private val http = OkHttpClient()

private val socket = WebSocketNetworkTransport.Builder()
  .serverUrl(url)
  .webSocketEngine(WebSocketEngine(http))
  .build()
private val apollo = ApolloClient.Builder()
  .serverUrl(url)
  // Also a header of the handshake of the socket.
  .addHttpHeader("Authorization", token)
  .okHttpClient(http)
  .subscriptionNetworkTransport(socket)
  .build()

fun main() = runBlocking {
  val statuses = Optional.present(listOf(ExportJobStatus.SUCCEEDED))
  val page = apollo.query(ListJobsQuery(first = 3, statuses = statuses)).execute().dataAssertNoErrors
  val jobs = page.exportJobs?.nodes.orEmpty().map { job ->
    mapOf(
      "id" to job.id,
      "status" to job.status.rawValue,
      "createdMs" to job.createdAt.toEpochMilli(),
      "dataset" to job.destination.dataset?.name,
    )
  }
  report("query", mapOf("jobs" to jobs))

  // The members of a union are nullable properties.
  val rejected = checkNotNull(create("").onInvalidInputError)
  val job = checkNotNull(create("person.name").onCreateExportJobPayload).exportJob
  report(
    "mutation",
    mapOf(
      "rejected" to mapOf("code" to rejected.code, "paths" to rejected.issues.map { it.path }),
      "created" to mapOf("id" to job.id, "status" to job.status.rawValue),
    ),
  )

  changesOf(listOf(job.id)).collect { event ->
    val status = event.job?.status?.rawValue
    report("event", mapOf("kind" to event.kind.rawValue, "cursor" to event.cursor, "status" to status))
  }
  println("end")

  val found = apollo.query(ReadFilesQuery(job.id)).execute().dataAssertNoErrors
  val file = checkNotNull(found.exportJob).destination.batches.firstNotNullOf { it.batch?.files }.nodes.first()
  val request = Request.Builder().url(file.downloadUrl).header("Range", "bytes=0-3").build()
  http.newCall(request).execute().use { response ->
    report(
      "download",
      mapOf(
        "size" to file.sizeBytes,
        "status" to response.code,
        "range" to response.header("Content-Range"),
        "content" to response.body.string(),
      ),
    )
  }

  apollo.close()
  // Otherwise, the threads of OkHttp keep the program running.
  http.dispatcher.executorService.shutdown()
  http.connectionPool.evictAll()
}

private suspend fun create(field: String): CreateExportMutation.CreateExportJob {
  val dataset = CreateDatasetInput(name = "From a client")
  val input = CreateExportJobInput(
    fields = Optional.present(listOf(field)),
    destination = ExportDestinationInput(target = ExportTargetInput(newDataset = Optional.present(dataset))),
  )
  return checkNotNull(apollo.mutation(CreateExportMutation(input)).execute().dataAssertNoErrors.createExportJob)
}

/** The events of jobs until their end. A new connection continues after the last event. */
private fun changesOf(ids: List<String>): Flow<WatchExportSubscription.ExportJobChanged> {
  var after: String? = null
  return flow {
    val subscription = WatchExportSubscription(Optional.present(ids), Optional.presentIfNotNull(after))
    emitAll(apollo.subscription(subscription).toFlow())
  }
    // A lost connection is a last response with an exception, which becomes the cause of the exception here.
    .map { it.dataAssertNoErrors.exportJobChanged }
    .onEach { after = it.cursor }
    .retryWhen { cause, _ -> isLost(cause.cause).also { if (it) delay(1.seconds) } }
}

private fun isLost(cause: Throwable?): Boolean = when (cause) {
  is ApolloNetworkException -> true
  // Higher codes mean that the gateway has rejected the connection.
  is ApolloWebSocketClosedException -> cause.code < 4000
  else -> false
}

private fun report(name: String, result: Map<String, Any?>) {
  println("$name ${AnyAdapter.toJsonString(result)}")
}
