/** What `umec status` shows: the node's own account of itself, as JSON on its control socket. */
import type { AlarmStatus } from "./alarms/types.ts";
import type { EnrolmentStatus } from "./enrol/types.ts";
import type { IdentityStatus } from "./identity/types.ts";
import type { LinkStats } from "./link/types.ts";
import type { ObjectsStats, UploadStats } from "./objects/types.ts";
import type { OutboxStats } from "./outbox/types.ts";
import type { PluginStatus } from "./plugin/status.ts";
import type { Finding } from "./target/finding.ts";
import type { Health } from "./update/gate/health.ts";
import type { UpdaterStatus } from "./update/updater-types.ts";

export interface NodeStatus {
  node: string;
  version: string;
  pid: number;
  /** RFC 3339. */
  startedAt: string;
  identity: IdentityStatus;
  clock: { known: boolean; trust: string };
  target: {
    path: string;
    /** `invalid`: the last change of the file was refused and the state before it keeps running. */
    state: "reached" | "reaching" | "invalid" | "failed" | "needs-restart";
    findings: Finding[];
    /** Why steps failed, for people. */
    failures: string[];
  };
  bus: { url: string; memoryBytes: number };
  link: LinkStats;
  /** Of a node whose target state names a hub and no credentials file. */
  enrolment?: EnrolmentStatus;
  outbox: OutboxStats & {
    path: string;
    store: string;
    chains: { plugin: string; lane: string; nextRow: number; waitingRows: number; waitingSamples: number }[];
  };
  objects: ObjectsStats & { upload: UploadStats };
  plugins: PluginStatus[];
  /** Plugins that were taken out while the node ran, as they ended; the latest 32. */
  formerPlugins: PluginStatus[];
  /** Raised ones first. */
  alarms: AlarmStatus[];
  /** The API for applications; absent: it is closed. */
  api?: {
    url: string;
    /** Where applications reach the bus; none where they can't. */
    busUrls: string[];
    /** Of the target state. */
    apps: number;
    /** Open streams of readings and pictures. */
    streams: number;
    busConnections: number;
    /** SHA-256 of the certificate's DER, hexadecimal with colons, as `openssl x509 -fingerprint -sha256` prints it. */
    certificateSha256: string;
  };
  /** The update that is under way. */
  update?: UpdaterStatus;
  /** What of it is missing or wrong that a new system would have to show (docs/update.md); absent: an older node. */
  health?: Health;
  /** Resident memory of the runtime's process. */
  memoryBytes: number;
}
