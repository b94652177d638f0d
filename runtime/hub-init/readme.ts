import { clientUrls, type HubSetup, leafUrls } from "./setup.ts";

/** What an operator finds beside the files. */
export function readmeText(setup: HubSetup): string {
  const { sites } = setup;
  const [first] = sites;
  const rows = sites.map(
    ({ name, host, clientPort, leafPort, clusterPort }) =>
      `${name}/  to ${host}; ports ${clientPort} (readers), ${leafPort} (nodes)${sites.length > 1 ? `, ${clusterPort} (the other servers)` : ""}`,
  );
  return `A hub for µMEC of ${sites.length === 1 ? "one nats-server" : `${sites.length} nats-servers`}, made by umec hub init.
docs/hub.md of µMEC says more.

What goes where
  ${rows.join("\n  ")}
  secret/    stays here, on the machine that runs \`umec hub --init\`, and in a backup; on none of the servers.
             Who has it is the hub.
  ca.pem     to readers (--tls-ca), and on each node's card (umec hub card --ca)

Each server: copy its folder, as ${first!.name}/ to /etc/umec-hub, for a user of its own that may write there, and start
nats-server 2.12 or later in it. As a unit of systemd:

  [Service]
  User=umec-hub
  WorkingDirectory=/etc/umec-hub
  ExecStart=/usr/bin/nats-server -c ${first!.name}.conf
  ExecReload=/bin/kill -HUP $MAINPID
  Restart=always
  [Install]
  WantedBy=multi-user.target

Then here, as a service too:
  umec hub --init .
and beside it:
  umec hub card NODE --token --data secret --ca ca.pem ${leafUrls(setup)
    .map((url) => `--hub-url ${url}`)
    .join(" ")}
  umec hub nodes --data secret
  umec hub read --url ${clientUrls(setup).join(",")} --tls-ca ca.pem --creds secret/fleet.creds NODE PLUGIN
`;
}
