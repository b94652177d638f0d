/** The platforms that there are for an asker: the node, and those that others have registered. */
import type { ApiRequest } from "../http/route.ts";
import { principalOf } from "./answers.ts";
import { type OwnPlatformOptions, ownPlatform } from "./own-platform.ts";
import type { Registry } from "./registry.ts";
import type { IotPlatformInfo } from "./schema/platform.ts";

export interface Platforms {
  /** The node's name is the node's, whatever others register. */
  find(request: ApiRequest, id: string): IotPlatformInfo | undefined;
  list(request: ApiRequest): IotPlatformInfo[];
  isOwn(id: string): boolean;
}

export function createPlatforms(
  registry: Registry<IotPlatformInfo>,
  options: Omit<OwnPlatformOptions, "principal" | "origin">,
): Platforms {
  /** A list of devices asks for it with each of them. */
  const made = new WeakMap<ApiRequest, IotPlatformInfo>();

  function own(request: ApiRequest): IotPlatformInfo {
    let info = made.get(request);
    if (!info) {
      info = ownPlatform({ ...options, principal: principalOf(request), origin: request.url.origin });
      made.set(request, info);
    }
    return info;
  }

  const isOwn = (id: string): boolean => id === options.node.name;
  return {
    find: (request, id) => (isOwn(id) ? own(request) : registry.find(id)?.info),
    list: (request) => [own(request), ...registry.list().map(({ info }) => info)],
    isOwn,
  };
}
