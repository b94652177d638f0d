import { HttpError, shownUrl } from "./http-error.ts";

/**
 * Reads a body of at most `maxBytes` bytes, counted after decompression. Rejects with `HTTP_TOO_LARGE` as soon as
 * there are more, and closes the stream; a broken stream rejects with its own error.
 */
export async function readBody(response: Response, maxBytes: number): Promise<Buffer> {
  const tooLarge = () =>
    new HttpError(
      "HTTP_TOO_LARGE",
      `the answer of ${shownUrl(response.url)} is longer than ${maxBytes} bytes`,
      {
        hint: "ask for less, or raise maxBytes",
      },
    );
  if (Number(response.headers.get("content-length")) > maxBytes) {
    await discard(response);
    throw tooLarge();
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Lets go of a body that nobody reads. */
export async function discard(response: Response): Promise<void> {
  // A body that broke meanwhile is gone as well.
  await response.body?.cancel().catch(() => {});
}
