/** The parts of the schema of `node.yaml` about applications: `api` and `apps`. */
import Type, { type Static } from "typebox";
import { scopes, trafficActions } from "../api/types.ts";
import { levels } from "../people/types.ts";
import { nameSyntax } from "../subjects.ts";

const closed = { additionalProperties: false };

/** Most applications, and most rules of each kind of one. */
export const mostApps = 64;
export const mostRules = 16;
/** Most patterns and subjects in one list. */
const mostPatterns = 100;

const host = (options: { default?: string; description: string }) =>
  Type.Optional(
    Type.String({
      pattern: "^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$",
      patternErrorMessage: "must be a host name or an address, without brackets and without a port",
      maxLength: 253,
      ...options,
    }),
  );

const path = (description: string, example: string) =>
  Type.String({ minLength: 1, description, examples: [example] });

const anyPort = (description: string, port?: number) =>
  Type.Integer({
    minimum: 0,
    maximum: 65_535,
    title: "TCP port, 0 for any free one",
    description,
    examples: [port ?? 8444],
    ...(port !== undefined && { default: port }),
  });

const roleSchema = Type.Object(
  {
    level: Type.Optional(
      Type.Enum([...levels], { description: "Who has the role is a person of this level." }),
    ),
    app: Type.Optional(
      Type.String({ minLength: 1, description: "Who has it is this application, one of `apps`." }),
    ),
  },
  { ...closed, description: "What a role stands for; exactly one of level, app." },
);

const issuerSchema = Type.Object(
  {
    url: Type.String({
      pattern: String.raw`^https?://[^\s/?#]+(/[^\s?#]*)?$`,
      patternErrorMessage: "must be a URL such as https://id.example.org/realms/plant",
      description: "The issuer, as its tokens name it; its keys are found from there.",
      examples: ["https://id.example.org/realms/plant"],
    }),
    audience: Type.String({
      minLength: 1,
      description: "What its tokens must name as their audience.",
      examples: ["lamp-0042"],
    }),
    rolesClaim: Type.Optional(
      Type.String({
        minLength: 1,
        default: "roles",
        description: "The claim with the roles, a text or a list; dots lead into objects.",
        examples: ["realm_access.roles"],
      }),
    ),
    roles: Type.Unsafe<Record<string, Static<typeof roleSchema>>>({
      type: "object",
      additionalProperties: roleSchema,
      maxProperties: 100,
      description: "What each role stands for. Roles that are not here stand for nothing.",
      examples: [{ technician: { level: "operator" }, weather: { app: "weather-board" } }],
    }),
    offlineGraceMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 30 * 86_400_000,
        default: 86_400_000,
        title: "milliseconds",
        description: "How long keys that were fetched are believed while the issuer can't be reached.",
      }),
    ),
  },
  { ...closed, description: "An identity provider whose tokens are accepted (OpenID Connect)." },
);

export const apiSchema = Type.Object(
  {
    host: host({
      default: "127.0.0.1",
      description: "The address that the API listens on. 0.0.0.0: each of this machine's.",
    }),
    port: Type.Optional(anyPort("The port that the API listens on.", 8443)),
    url: Type.Optional(
      Type.String({
        pattern: String.raw`^https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`,
        patternErrorMessage:
          "must be https:// and a host, with a port where it is another: https://lamp.example",
        description:
          "How applications reach it, where that is not the host and the port: links and tokens name it. Absent: by the host, or this machine's first address.",
        examples: ["https://lamp-0042.example.org:8443"],
      }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          certificate: path(
            "PEM file with the API's certificate and what it was signed by, relative to this file.",
            "./api.pem",
          ),
          key: path("PEM file with the certificate's private key, relative to this file.", "./api.key"),
        },
        {
          ...closed,
          description: "The API's certificate. Absent: the node makes one, which signs itself.",
        },
      ),
    ),
    clientCa: Type.Optional(
      path(
        "PEM file with the CA of applications' own certificates, whose common names are the applications'; relative to this file. Absent: none is asked for.",
        "./apps-ca.pem",
      ),
    ),
    bus: Type.Optional(
      Type.Object(
        {
          host: host({ description: "The address that the bus listens on. Absent: the API's." }),
          port: anyPort("The port that the bus listens on for WebSockets over TLS."),
        },
        { ...closed, description: "The bus for applications. Absent: they have HTTP alone." },
      ),
    ),
    issuers: Type.Optional(
      Type.Array(issuerSchema, {
        maxItems: 8,
        default: [],
        description: "Identity providers whose tokens are accepted beside the node's own.",
      }),
    ),
    requestsPerS: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        default: 50,
        title: "requests a second",
        description: "Most requests a second of one application or person; more are told to wait.",
      }),
    ),
  },
  {
    ...closed,
    description: "The API for applications. Absent: there is none, and it costs nothing. @default absent",
  },
);

const pointPattern = {
  pattern: String.raw`^(\*\*|(\*|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(/(\*|[A-Za-z0-9][A-Za-z0-9_-]*))*/(\*\*|\*|[A-Za-z0-9][A-Za-z0-9_-]*))$`,
  patternErrorMessage:
    "must be plugin/point such as weather/air/temperature, with * for one segment and ** for all the rest: weather/**",
};

const busSubject = {
  pattern: String.raw`^app\.[A-Za-z0-9_-]+(\.(\*|[A-Za-z0-9_-]+))*(\.>)?$`,
  patternErrorMessage: "must be a subject below app.<service>, such as app.weather.>",
};

const points = (description: string, example: string) =>
  Type.Optional(
    Type.Array(Type.String({ maxLength: 250, ...pointPattern }), {
      maxItems: mostPatterns,
      default: [],
      description,
      examples: [[example]],
    }),
  );

const subjects = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ maxLength: 250, ...busSubject }), {
      maxItems: mostPatterns,
      default: [],
      description,
      examples: [["app.weather.>"]],
    }),
  );

const dnsRuleSchema = Type.Object(
  {
    domainName: Type.String({
      pattern: String.raw`^(?=.{1,253}$)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?)+$`,
      patternErrorMessage: "must be a whole domain name in small letters, without the dot at its end",
      description: "The name that is answered for.",
      examples: ["weather.edge.example"],
    }),
    ipAddress: Type.String({
      minLength: 2,
      maxLength: 45,
      description: "The address that it resolves to, IPv4 or IPv6.",
      examples: ["192.0.2.10"],
    }),
    ttlS: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 86_400,
        default: 30,
        title: "seconds",
        description: "How long resolvers may keep the answer.",
      }),
    ),
    active: Type.Optional(
      Type.Boolean({
        default: false,
        description: "Whether it holds before the application has switched it on or off.",
      }),
    ),
  },
  { ...closed, description: "A name that resolves to an address (ETSI GS MEC 011 section 7.1.2.3)." },
);

const texts = (description: string, example: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
      minItems: 1,
      maxItems: 16,
      description,
      examples: [[example]],
    }),
  );

const trafficFilterSchema = Type.Object(
  {
    srcAddress: texts("Addresses that it may come from, single or as CIDR.", "192.0.2.0/24"),
    dstAddress: texts("Addresses that it may go to.", "198.51.100.7"),
    srcPort: texts("Ports that it may come from, single or from-to.", "1024-65535"),
    dstPort: texts("Ports that it may go to.", "443"),
    protocol: texts("Protocols, by IANA's name or number.", "tcp"),
    dscp: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 63, description: "Differentiated services code point." }),
    ),
    tc: Type.Optional(Type.Integer({ minimum: 0, maximum: 255, description: "Traffic class of IPv6." })),
  },
  { ...closed, description: "What a packet must be; all that is here must fit." },
);

const destinationSchema = Type.Object(
  {
    interfaceName: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9._-]{1,15}$",
        patternErrorMessage: "must be the name of a network interface, of at most 15 characters",
        description: "The interface that it leaves by. Absent: by route.",
        examples: ["eth1"],
      }),
    ),
    dstMacAddress: Type.Optional(
      Type.String({
        pattern: "^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$",
        patternErrorMessage: "must be six bytes such as 02:00:00:00:00:01",
        description: "The MAC address that it is sent to.",
      }),
    ),
    dstIpAddress: Type.Optional(
      Type.String({ minLength: 2, maxLength: 45, description: "The address that it is sent to." }),
    ),
  },
  { ...closed, description: "Where a packet is sent." },
);

const trafficRuleSchema = Type.Object(
  {
    priority: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 255,
        default: 100,
        description: "0 is the most important; the first rule that fits a packet decides.",
      }),
    ),
    filterType: Type.Optional(
      Type.Enum(["FLOW", "PACKET"], {
        default: "PACKET",
        description: "FLOW: both directions of what begins with a packet that fits.",
      }),
    ),
    filters: Type.Array(trafficFilterSchema, {
      minItems: 1,
      maxItems: 16,
      description: "A packet fits that fits one of them.",
    }),
    action: Type.Enum([...trafficActions], { description: "What becomes of a packet that fits." }),
    destinations: Type.Optional(
      Type.Array(destinationSchema, {
        maxItems: 2,
        default: [],
        description: "Where FORWARD and DUPLICATE send it.",
      }),
    ),
    active: Type.Optional(
      Type.Boolean({
        default: false,
        description: "Whether it holds before the application has switched it on or off.",
      }),
    ),
  },
  { ...closed, description: "What becomes of packets (ETSI GS MEC 011 section 7.1.2.2)." },
);

const ruleName = {
  pattern: "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$",
  patternErrorMessage: "must be 1 to 63 of A-Z, a-z, 0-9, - and _",
};

export const appSchema = Type.Object(
  {
    appInstanceId: Type.Optional(
      Type.String({
        pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        patternErrorMessage: "must be a UUID in small letters",
        description:
          "What ETSI's APIs call this instance of it. Absent: one that follows from the names of node and application.",
      }),
    ),
    secretSha256: Type.Optional(
      Type.String({
        pattern: "^[0-9a-f]{64}$",
        patternErrorMessage:
          "must be 64 digits of 0-9 and a-f, as `umec app secret` prints them; never the secret itself",
        description:
          "SHA-256 of its client secret. Absent: it comes with a certificate or by an identity provider.",
      }),
    ),
    scopes: Type.Optional(
      Type.Array(Type.Enum([...scopes]), {
        uniqueItems: true,
        default: [...scopes],
        description: "The APIs that its tokens can be for.",
        examples: [["things_read", "mec_iot"]],
      }),
    ),
    read: points("The points that it may read.", "weather/**"),
    write: points("The points that it may command.", "lamp/level"),
    bus: Type.Optional(
      Type.Object(
        {
          publish: subjects("Subjects that it may publish to."),
          subscribe: subjects("Subjects that it may subscribe to."),
        },
        {
          ...closed,
          default: {},
          description: "What it may use of the bus beside its points: services between applications.",
        },
      ),
    ),
    dnsRules: Type.Optional(
      Type.Unsafe<Record<string, Static<typeof dnsRuleSchema>>>({
        type: "object",
        propertyNames: ruleName,
        additionalProperties: dnsRuleSchema,
        maxProperties: mostRules,
        default: {},
        description: "Names that it may have resolved, by the rule's identifier.",
      }),
    ),
    trafficRules: Type.Optional(
      Type.Unsafe<Record<string, Static<typeof trafficRuleSchema>>>({
        type: "object",
        propertyNames: ruleName,
        additionalProperties: trafficRuleSchema,
        maxProperties: mostRules,
        default: {},
        description: "What it may have done with packets, by the rule's identifier.",
      }),
    ),
  },
  { ...closed, description: "One application." },
);

export const appsSchema = Type.Unsafe<Record<string, Static<typeof appSchema>>>({
  type: "object",
  propertyNames: {
    pattern: nameSyntax.source,
    patternErrorMessage: "must be 1 to 63 characters of a-z, 0-9 and -, and neither start nor end with -",
  },
  additionalProperties: appSchema,
  maxProperties: mostApps,
  default: {},
  description: "The applications that may use the API, by name: it is their client identifier, too.",
  examples: [{ "weather-board": { read: ["weather/**"], write: ["lamp/level"] } }],
});

export type ApiFile = Static<typeof apiSchema>;
export type AppFile = Static<typeof appSchema>;
