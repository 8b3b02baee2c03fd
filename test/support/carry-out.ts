import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';

/**
 * Forwards a request to the platform, which carries it out, and replaces the response.
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
