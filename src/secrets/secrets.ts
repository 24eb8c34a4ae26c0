import type { EnvironmentVariables } from "../environment-variables.ts";
import { type Rule, recordOf, text } from "../options.ts";
import { SHORTEST_SECRET } from "./forms.ts";

const textIfAny: Rule = (value, name) => {
  if (value !== undefined) text(value, name);
};

/**
 * Values of an environment that must not appear anywhere: those whose name says so, and those that look like a key
 * whatever they are called. A connection string or a key file is a secret as a whole and by the parts that open something.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { secretsOf } from "agentflow/secrets";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: {}, secrets: secretsOf(process.env) });
 * ```
 */
export const secretsOf = (environment: EnvironmentVariables): string[] => {
  recordOf(textIfAny)(environment, "secretsOf: the environment");
  // Other variables also say who and where the user is.
  const known = new Set(
    ["USER", "LOGNAME", "USERNAME", "HOME", "HOSTNAME", "SHELL", "LANG"].map((n) => environment[n]),
  );
  const found = Object.entries(environment).flatMap(([name, value = ""]) => {
    const trimmed = value.trim();
    if (known.has(trimmed) || places.has(name.toUpperCase())) return [];
    return isSecret(name, trimmed) ? keysOf(value) : partsOf(trimmed);
  });
  return longEnough(found);
};

/** What a text that is used as a key holds: all of it, without the scheme before it, and the parts that open something. */
export const keysOf = (key: string): string[] => {
  const bare = key.trim();
  const words = bare.split(/[\s,;]+/).filter(isMixed);
  const scheme = /^(?:bearer|basic|token|apikey|key)[\s:=]+(.+)$/is.exec(bare)?.[1];
  return longEnough([
    key,
    bare,
    ...(scheme === undefined ? [] : [scheme, ...userOf(scheme)]),
    ...words,
    ...partsOf(bare),
  ]);
};

/** Of what somebody is given by name, headers or an environment: what authorises, by its name or by its looks. */
export const secretsGiven = (given: EnvironmentVariables): string[] =>
  Object.entries(given).flatMap(([name, value = ""]) =>
    /auth|cookie|key|token|secret/i.test(name) || isSecret(name, value.trim()) || isMixed(value.trim())
      ? keysOf(value)
      : partsOf(value),
  );

/** Of an address: user name and password, and what its query calls a key. */
export const secretsOfAddress = (address: string): string[] => longEnough(addressParts(address));

const longEnough = (values: readonly string[]): string[] =>
  [...new Set(values)].filter(({ length }) => length >= SHORTEST_SECRET);

/** Names of folders that look like names of passwords. */
const places = new Set(["PWD", "OLDPWD", "INIT_CWD"]);

const STRONG =
  /^(?:(?:API|ACCESS|SECRET|PRIVATE|AUTH)*KEYS?|APITOKEN|(?:AUTH)?TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|PASSCODE|PASS|PW|PWD|CREDENTIALS?|CREDS?|DSN|PAT|JWT|BEARER|WEBHOOKS?|SK|MNEMONIC|PEPPER|COOKIES?|SAS|OTP|TOTP|CONNSTR|NETRC|HTPASSWD)$/;
/** As good as those where nothing follows. */
const STRONG_AT_THE_END = /^(?:AUTH|AUTHORIZATION|PRIVATE|SIGNATURE|SIGNING|SALT|CERT|CERTIFICATE|HMAC|SEED|PIN|PEM)$/;
const GLUED = /(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|APIKEY|CREDENTIALS|PWD)$/;
/** They may name a secret, or what has to do with one: the value decides. */
const WEAK =
  /^(?:AUTH\w*|OAUTH\w*|PRIVATE|SIGNATURE|SIGNING|SALT|CERTS?|CERTIFICATES?|SESSION|SID|LICENSE|LICENCE|ENCRYPTION|CONNECTION|CONN|HMAC|SEED|NONCE|CODE|HASH|API|PK|ID|ACCOUNT|\w+KEY|\w+PASS|\w+AUTH)$/;
/** A name that ends with one of these speaks of a secret and does not hold it. */
const DESCRIPTIVE =
  /^(?:MAX|MIN|LIMIT|COUNT|SIZE|LENGTH|LEN|TTL|TIMEOUT|EXPIRY|EXPIRES|EXPIRATION|SECONDS|MS|MINUTES|HOURS|DAYS|PATH|FILE|DIR|FOLDER|NAME|USER|USERNAME|EMAIL|TYPE|MODE|METHOD|ALGORITHM|ALGO|ENABLED|DISABLED|PORT|HOST|ENDPOINT|URL|URI|REGION|VERSION|FORMAT|LAYOUT|SOCK|SOCKET|PARALLELISM|PROVIDER|HEADER|ID|MODEL|COMMAND|HELPER|ASKPASS|CACHE|STORE|BUDGET|ISSUER|AUDIENCE|DOMAIN|DESKTOP|CLASS|MANAGER|COLOR)$/;

const wordsOf = (name: string): string[] =>
  name
    .replace(/([a-z\d])([A-Z])/g, "$1_$2")
    .toUpperCase()
    .split(/[^A-Z\d]+/)
    .map((word) => word.replace(/(?<!\d)\d+$/, ""))
    .filter((word) => word !== "");

const isSecret = (name: string, value: string): boolean => {
  if (value.length < SHORTEST_SECRET) return false;
  const words = wordsOf(name);
  const last = words.at(-1) ?? "";
  const named = words.some((word) => STRONG.test(word)) || STRONG_AT_THE_END.test(last) || GLUED.test(last);
  if (/WEBHOOK|SAS/.test(words.join("_")) && /^https?:/.test(value)) return true;
  if (/CONNECTION_STRING|CONN_STRING|CONNSTR/.test(words.join("_"))) return true;
  if (isOrdinary(value)) return false;
  if (named && !DESCRIPTIVE.test(last) && !words.some((word) => word === "MAX" || word === "MIN")) return true;
  if (named || words.some((word) => WEAK.test(word))) return isMixed(value) || /^[[{]/.test(value);
  return isRandom(value);
};

/** What nobody keeps to himself: words such as `true`, numbers of a few digits, folders, hosts, versions, dates, codes. */
const isOrdinary = (value: string): boolean =>
  /^(?:true|false|yes|no|on|off|none|null|undefined|default|enabled|disabled|basic|bearer|oauth2?|required|optional|always|never|production|development|staging|testing|local|localhost|console|not[-_ ]?(?:needed|set|required)|changeme|empty|dummy|placeholder|example)$/i.test(
    value,
  ) ||
  isPath(value) ||
  value.startsWith("local/") ||
  /^(?:v?\d+(?:\.\d+)+|\d{4}-\d{2}-\d{2}(?:[T ].*)?|[a-z]{2}_[A-Z]{2}(?:\.[\w-]+)?)$/.test(value) ||
  /^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/.test(value) ||
  /^(?:[a-z\d-]+\.)+[a-z]{2,}(?::\d+)?(?:\/[\w./-]*)?$/i.test(value) ||
  /^(?:localhost|\d+\.\d+\.\d+\.\d+|\[[\da-f:]+\])(?::\d+)?$/i.test(value) ||
  (/^[a-z][a-z\d+.-]*:/i.test(value) && isPlainAddress(value));

const isPath = (value: string): boolean => {
  if (/^(?:[A-Za-z]:[\\/]|~\/|\.{1,2}\/)/.test(value)) return true;
  if (!value.startsWith("/")) return false;
  return (
    /^\/(?:usr|home|tmp|var|etc|run|opt|root|Users|mnt|dev|proc|sys|bin|sbin|lib|srv|snap|private|Library|Applications|Volumes|data|app|work|workspace|secrets)(?:\/|:|$)/.test(
      value,
    ) || !value.split("/").some(isRandom)
  );
};

/** An address that opens nothing: without a user, and with no part that looks like a key. */
const isPlainAddress = (value: string): boolean => {
  if (/^(?:unix|file|tcp|udp|dbus|path):/i.test(value)) return true;
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(value) || !URL.canParse(value)) return false;
  const { username, password, pathname, search } = new URL(value);
  return username === "" && password === "" && search === "" && !pathname.split("/").some(isRandom);
};

/** Letters and digits in one word. */
const isMixed = (value: string): boolean =>
  value.length >= 8 && /^\S+$/.test(value) && /[A-Za-z]/.test(value) && /\d/.test(value) && !isOrdinary(value);

/** One long word of capitals, small letters and digits. Hashes and other ids are in one case. */
const isRandom = (value: string): boolean =>
  value.length >= 20 && /^[\w+/=.~-]+$/.test(value) && /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value);

/** Keys as their makers write them. */
const SHAPES = [
  /\b(?:sk|pk|rk|gsk|xai|csk|nvapi|pplx|tvly|r8|hf|npm|pypi|glpat|gldt|shpat|shpss|dop_v1|doo_v1|figd|lin_api|whsec|rpa|key|secret)[-_][\w-]{16,}/g,
  /\bgh[a-z]_\w{20,}|\bgithub_pat_\w{20,}/g,
  /\bxox[a-z]-[\w-]{10,}|\bxapp-[\w-]{10,}/g,
  /\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b/g,
  /\bAIza[\w-]{30,}|\bya29\.[\w.-]{20,}|\b1\/\/0[\w-]{20,}/g,
  /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g,
  /\bSG\.[\w-]{16,}\.[\w-]{16,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^-]|-(?!----))*-----END [A-Z ]*PRIVATE KEY-----/g,
];

/** The parts of a value that open something: keys by their shape, passwords of addresses, members of JSON, `Password=…`. */
const partsOf = (value: string): string[] => {
  const shaped = SHAPES.flatMap((shape) => value.match(shape) ?? []);
  const keyFiles = shaped.flatMap((found) =>
    found.startsWith("-----BEGIN") ? [found, found.replace(/-----[A-Z ]+-----/g, "").trim()] : [found],
  );
  const pairs = [...value.matchAll(/(?:^|[;&\s])([\w ]{2,40})=([^;&\s]+)/g)].flatMap(([, name = "", inner = ""]) =>
    isSecret(name.trim().replaceAll(" ", "_"), inner) ? [inner] : [],
  );
  return [...keyFiles, ...pairs, ...addressParts(value), ...membersOf(value)];
};

const addressParts = (value: string): string[] => {
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(value) || !URL.canParse(value)) return [];
  const { username, password, searchParams, search } = new URL(value);
  const keys = [...searchParams].flatMap(([name, inner]) => (isSecret(name, inner) || isMixed(inner) ? [inner] : []));
  const opens = username !== "" || password !== "";
  const user = password === "" && isMixed(plainOf(username)) ? [username, plainOf(username)] : [];
  return [
    ...(opens || (search !== "" && keys.length > 0) ? [value] : []),
    password,
    plainOf(password),
    ...user,
    ...keys,
  ];
};

const plainOf = (encoded: string): string => {
  try {
    return decodeURIComponent(encoded);
  } catch {
    // A percent sign that escapes nothing: it stands for itself.
    return encoded;
  }
};

/** `user:password` in base64, as basic authorisation has it. */
const userOf = (scheme: string): string[] => {
  const text = /^(?:[\w+/]{4})*(?:[\w+/]{2,3}=*)?$/.test(scheme) ? atobOrNothing(scheme) : "";
  const password = /^[^:\s]+:([\x20-\x7e]+)$/.exec(text)?.[1];
  return password === undefined ? [] : [text, password];
};

const atobOrNothing = (text: string): string => {
  try {
    return atob(text);
  } catch {
    // No base64 after all.
    return "";
  }
};

const DEEPEST = 8;

/** Of JSON, as files of credentials are: the members whose names say so. */
const membersOf = (value: string): string[] => {
  if (!/^[[{"]/.test(value)) return [];
  try {
    return inner(JSON.parse(value), "", DEEPEST);
  } catch {
    // No JSON after all.
    return [];
  }
};

const inner = (value: unknown, name: string, depth: number): string[] => {
  if (typeof value === "string")
    return isSecret(name, value.trim()) ? [value.trim(), ...partsOf(value)] : partsOf(value);
  if (typeof value !== "object" || value === null || depth === 0) return [];
  return Object.entries(value).flatMap(([key, one]) => inner(one, Array.isArray(value) ? name : key, depth - 1));
};
