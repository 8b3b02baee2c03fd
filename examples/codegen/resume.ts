import type { Client, FormattedExecutionResult, Sink, SubscribePayload } from 'graphql-ws';

/** Makes each subscription resume after its last event. The document passes `$after` to the field. */
export const resuming = (client: Client): Client => ({
  ...client,
  subscribe<Data, Extensions>(payload: SubscribePayload, sink: Sink<FormattedExecutionResult<Data, Extensions>>) {
    // The client sends this object again after each reconnect.
    const variables: Record<string, unknown> = { ...payload.variables };
    return client.subscribe<Data, Extensions>(
      { ...payload, variables },
      {
        next: (result) => {
          const [event] = Object.values<unknown>(result.data ?? {});
          if (typeof event === 'object' && event !== null && 'cursor' in event) variables['after'] = event.cursor;
          sink.next(result);
        },
        error: (error) => sink.error(error),
        complete: () => sink.complete(),
      },
    );
  },
});
