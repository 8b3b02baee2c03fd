import com.apollographql.apollo.compiler.ApolloCompiler
import com.apollographql.apollo.compiler.CodegenSchemaOptions
import com.apollographql.apollo.compiler.InputFile
import com.apollographql.apollo.compiler.TargetLanguage
import com.apollographql.apollo.compiler.buildCodegenOptions
import com.apollographql.apollo.compiler.buildIrOptions
import com.apollographql.apollo.compiler.codegen.writeTo
import java.io.File

/** Writes a Kotlin class for each operation, from the schema of the gateway. */
fun main() {
  // The custom scalars of the schema.
  val scalars = CodegenSchemaOptions(
    scalarTypeMapping = mapOf(
      "DateTime" to "java.time.Instant",
      "SafeInt" to "kotlin.Long",
      "URL" to "kotlin.String",
    ),
    scalarAdapterMapping = mapOf(
      "DateTime" to "client.InstantAdapter",
      "SafeInt" to "com.apollographql.apollo.api.LongAdapter",
      "URL" to "com.apollographql.apollo.api.StringAdapter",
    ),
    generateDataBuilders = false,
  )
  ApolloCompiler.buildSchemaAndOperationsSources(
    schemaFiles = listOf(input("api.graphql")),
    executableFiles = listOf(input("operations.graphql")),
    codegenSchemaOptions = scalars,
    irOptions = buildIrOptions(),
    codegenOptions = buildCodegenOptions(targetLanguage = TargetLanguage.KOTLIN_1_9, packageName = "gateway"),
    layoutFactory = null,
    operationIdsGenerator = null,
    irOperationsTransform = null,
    javaOutputTransform = null,
    kotlinOutputTransform = null,
    documentTransform = null,
    schemaDocumentTransform = null,
    logger = null,
    operationManifestFile = null,
  ).writeTo(File("target/generated"), true, null)
}

private fun input(path: String) = InputFile(File(path), path)
