import type { NatsConnection } from "@nats-io/nats-core";
import { type Uploaded, uploadBundle } from "../hub/ota-store.ts";
import { readBundleInfo } from "../ota/raucb.ts";
import type { BundleInfo } from "../update/types.ts";
import type { Context } from "./context.ts";
import { showProgress } from "./progress.ts";

/**
 * Stores a bundle at the hub, with a bar, for the commands that need it there. One that is there costs a look.
 *
 * @param nc in the fleet's account
 * @throws UmecError as `readBundleInfo` and `uploadBundle` do
 */
export async function uploadFile(
  path: string,
  nc: NatsConnection,
  { stderr, signal }: Pick<Context, "stderr" | "signal">,
): Promise<{ info: BundleInfo; uploaded: Uploaded }> {
  const info = await readBundleInfo(path, signal);
  using progress = showProgress(stderr, `umec ${info.version}`);
  const uploaded = await uploadBundle({
    nc,
    path,
    info,
    onProgress: (done, all) => progress.update(done, all),
    signal,
  });
  return { info, uploaded };
}
