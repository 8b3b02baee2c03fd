/** The response of `/readyz`: `200 ready`. */
export async function readinessAt(url: string): Promise<string> {
  const response = await fetch(`${url}/readyz`);
  // The tests check the content.
  const { status } = (await response.json()) as { readonly status: unknown };
  return `${response.status} ${status}`;
}
