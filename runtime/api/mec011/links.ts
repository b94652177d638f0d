/** URIs of resources, absolute. */
import type { ApiRequest } from "../http/route.ts";

/** `https://host:port/root`, as the client of this request named it. */
export function baseOf({ url, root }: ApiRequest): string {
  return url.origin + root;
}

export function serviceHref(base: string, app: string, id: string): string {
  return `${base}/applications/${encodeURIComponent(app)}/services/${encodeURIComponent(id)}`;
}

/** Where others see it. */
export function publicServiceHref(base: string, id: string): string {
  return `${base}/services/${encodeURIComponent(id)}`;
}

export function livenessHref(base: string, id: string): string {
  return `${publicServiceHref(base, id)}/liveness`;
}

export function subscriptionHref(base: string, app: string, id: string): string {
  return `${base}/applications/${encodeURIComponent(app)}/subscriptions/${encodeURIComponent(id)}`;
}
