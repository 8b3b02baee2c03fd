import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';

/**
 * Lets the platform carry a request out, and replaces its response.
 * @param respond called after the platform has responded
 * @param url address of the platform
 */
export function carryOutAnd(
  respond: (response: ServerResponse) => void,
  url: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { method = 'POST', headers } = request;
  const passedOn = httpRequest(new URL(request.url ?? '/', url), { method, headers }, (answer) => {
    answer.resume().on('end', () => respond(response));
  });
  request.pipe(passedOn);
}
