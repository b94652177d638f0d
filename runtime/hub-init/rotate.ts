import { access, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Log } from "../log.ts";
import {
  caFileOf,
  issueCertificate,
  provideAuthority,
  type Rotation,
  readCertificate,
  rotateCertificates,
  sameHosts,
} from "./authority.ts";
import { layout, readSetup } from "./setup.ts";

export interface RotatedHub {
  /** Of each server: its key and certificate. */
  files: string[];
  /** Whether those are new. */
  renewed: boolean;
  /** What nodes and readers are to trust. */
  caFile: string;
  /** The hub's servers run elsewhere: the files are to be carried there. */
  elsewhere: boolean;
}

interface Place {
  tls: string;
  certificates: string[];
  /** Copies of `ca.pem`. */
  copies: string[];
}

/**
 * As `rotateCertificates`, for a hub by the directory of its registry: that of the embedded hub, or `secret/` of one that
 * `umec hub init` has laid out.
 */
export async function rotateHub(dir: string, rotation: Rotation = {}): Promise<RotatedHub> {
  const { tls, certificates, copies } = await placeOf(dir);
  const renewed = await rotateCertificates(tls, certificates, rotation);
  const ca = await readFile(caFileOf(tls));
  for (const copy of copies) await writeFile(copy, ca);
  const caFile = copies[0] ?? caFileOf(tls);
  return { files: certificates, renewed, caFile, elsewhere: copies.length > 0 };
}

async function placeOf(dir: string): Promise<Place> {
  const tls = join(dir, "tls");
  const laidOut = await access(join(dir, "hub.json")).then(
    () => true,
    () => false,
  );
  if (!laidOut) return { tls, certificates: [join(tls, "server.pem")], copies: [] };
  const root = dirname(dir);
  const { sites } = await readSetup(root);
  return {
    tls,
    certificates: sites.map((site) => layout.certificate(root, site)),
    copies: [layout.ca(root), ...sites.map((site) => layout.siteCa(root, site))],
  };
}

/**
 * The certificate of an embedded hub with a CA of its own, for `hosts`; made when there is none for them.
 *
 * @param hosts @default those that it is for
 * @returns `undefined` when there is none and no host was named
 */
export async function provideCertificate(
  dir: string,
  hosts: readonly string[] = [],
): Promise<{ certFile: string; keyFile: string; caFile: string } | undefined> {
  const tls = join(dir, "tls");
  const file = join(tls, "server.pem");
  const present = await readCertificate(file).catch(() => undefined);
  if (!present && hosts.length === 0) return undefined;
  if (!present || (hosts.length > 0 && !sameHosts(present, hosts))) {
    await provideAuthority(tls);
    await issueCertificate(tls, file, hosts);
  }
  return { certFile: file, keyFile: file, caFile: caFileOf(tls) };
}

const dayMs = 86_400_000;
/** What is left of a certificate's time when it is renewed, or the operator is told to. */
const leftMs = 120 * dayMs;

export interface CertificateCareOptions {
  /** As of {@link rotateHub}. */
  dir: string;
  /** Has the server read it again. @default it runs elsewhere: the operator is told instead */
  reload?: () => Promise<void>;
  log: Log;
}

/** Looks at the hub's certificates now and every day, so that none ends unnoticed. */
export async function careForCertificates({ dir, reload, log }: CertificateCareOptions): Promise<Disposable> {
  const look = async (): Promise<void> => {
    try {
      const { certificates } = await placeOf(dir);
      const ends = await Promise.all(
        certificates.map(async (file) => (await readCertificate(file)).validToDate.getTime()),
      );
      const end = Math.min(...ends);
      if (end - Date.now() > leftMs) return;
      if (reload) {
        await rotateHub(dir);
        await reload();
        log.info("the certificate was renewed", { ended: new Date(end).toISOString() });
      } else {
        log.warn(`a certificate of the hub's servers ends at ${new Date(end).toISOString()}`, {
          hint: `umec hub rotate-certificate --data ${dir}`,
        });
      }
    } catch (error) {
      log.error("the hub's certificates can't be looked after", { error });
    }
  };
  await look();
  const timer = setInterval(() => void look(), dayMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
