/**
 * What the surroundings say about the server: the variables and contexts of the `nats` command, so
 * that whoever can use the one can use the other. Nothing here opens a connection.
 */

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { ConfigError } from "./names.js";

/** @typedef {Readonly<Record<string, string | undefined>>} Variables */

/**
 * @typedef {object} Address Where a server is and how to get in; an empty text means: not given.
 * @property {string[]} urls `nats://host:port` without user or password
 * @property {string} user
 * @property {string} password
 * @property {string} token
 * @property {string} creds path of a credentials file, or an address of its content
 * @property {string} nkey path or address of a file with an nkey seed
 * @property {string} jwt
 * @property {string} seed
 * @property {string} cert path or address; counts only together with `key`
 * @property {string} key
 * @property {string} ca
 * @property {boolean} tlsFirst
 * @property {number} timeoutMs until the first connection must stand
 * @property {string} inboxPrefix
 */

/** @typedef {"user" | "password" | "token" | "creds" | "nkey" | "jwt" | "seed"} Login */

const LOCAL_URL = "nats://localhost:4222";
const SCHEMES = ["nats:", "tls:", "ws:", "wss:"];
const TRUE = ["1", "t", "true", "yes", "on"];
/** @type {Record<string, number>} */
const MILLISECONDS = { ms: 1, s: 1000, "": 1000, m: 60_000, h: 3_600_000 };
/** @type {Login[]} */
const LOGIN = ["user", "password", "token", "creds", "nkey", "jwt", "seed"];
/** @type {Record<string, keyof Address>} */
const IN_CONTEXT = {
  user: "user",
  password: "password",
  token: "token",
  creds: "creds",
  nkey: "nkey",
  user_jwt: "jwt",
  user_seed: "seed",
  cert: "cert",
  key: "key",
  ca: "ca",
  inbox_prefix: "inboxPrefix",
};
const REFUSED = ["nsc", "socks_proxy", "jetstream_domain", "jetstream_api_prefix", "windows_cert_store"];
const EMBEDDED = path.join(".mendwire", "nats", "context.json");

/**
 * The address that the variables lead to, and whether it is that of Mendwire's own server.
 *
 * What is named; else the server that `mendwire up` made in this project; else the selected context;
 * else, with a namespace, this machine's port 4222. Throws ConfigError.
 *
 * @param {Variables} variables
 * @param {string} directory
 * @returns {{ address: Address, isEmbedded: boolean }}
 */
export function findServer(variables, directory) {
  const given = fromVariables(variables);
  if (variables.NATS_SOCKS_PROXY) {
    throw new ConfigError("NATS_SOCKS_PROXY is set, but Mendwire cannot use a SOCKS proxy: unset it.");
  }
  const context = (variables.NATS_CONTEXT ?? "").trim();
  if (context) return { address: over(given, readContext(context, variables)), isEmbedded: false };
  if (given.urls.length) return { address: given, isEmbedded: false };
  const embedded = findEmbedded(directory);
  if (embedded) return { address: over(given, readContext(embedded, variables)), isEmbedded: true };
  const selected = selectedContext(variables);
  if (selected) return { address: over(given, readContext(selected, variables)), isEmbedded: false };
  if (variables.NATS_NAMESPACE || variables.PROJECT_NAME) {
    return { address: { ...given, urls: [LOCAL_URL] }, isEmbedded: false };
  }
  throw new ConfigError("No NATS server is named: set NATS_URL and NATS_NAMESPACE.");
}

/**
 * The options nats.js connects with; reads credential files. Throws ConfigError.
 *
 * @param {Address} address
 * @param {Variables} variables
 * @param {typeof import("@nats-io/transport-node")} nats
 * @returns {import("@nats-io/transport-node").NodeConnectionOptions}
 */
export function connectOptions(address, variables, nats) {
  /** @param {string} text */
  const text = (text) => credential(text, variables);
  /** @param {string} text */
  const file = (text) => credentialFile(text, variables);
  const bytes = new TextEncoder();
  /** @type {import("@nats-io/transport-node").NodeConnectionOptions} */
  const options = { servers: address.urls, timeout: address.timeoutMs, reconnect: false };
  const token = text(address.token);
  if (address.user && address.password) {
    options.authenticator = nats.usernamePasswordAuthenticator(address.user, text(address.password));
  } else if (address.creds) {
    options.authenticator = nats.credsAuthenticator(bytes.encode(file(address.creds)));
  } else if (address.nkey) {
    options.authenticator = nats.nkeyAuthenticator(bytes.encode(seedLine(file(address.nkey), "NATS_NKEY")));
  } else if (address.jwt) {
    const seed = address.seed ? bytes.encode(seedLine(text(address.seed), "NATS_SEED")) : undefined;
    options.authenticator = nats.jwtAuthenticator(text(address.jwt).trim(), seed);
  }
  if (token && !options.authenticator) options.authenticator = nats.tokenAuthenticator(token);
  if (address.inboxPrefix) options.inboxPrefix = address.inboxPrefix.replace(/\.+$/, "");
  if (wantsTls(address)) {
    options.tls = { handshakeFirst: address.tlsFirst };
    if (address.ca) options.tls.ca = file(address.ca);
    if (address.cert && address.key) {
      Object.assign(options.tls, { cert: file(address.cert), key: file(address.key) });
    }
  }
  return options;
}

/** @param {Address} address */
function wantsTls(address) {
  const isNamed = address.urls.some((url) => url.startsWith("tls://"));
  return isNamed || address.tlsFirst || address.ca !== "" || (address.cert !== "" && address.key !== "");
}

/**
 * A comma list of server URLs: the URLs without login, and the user and password in them.
 *
 * @param {string} text
 */
export function splitUrls(text) {
  const urls = [];
  const logins = new Set();
  for (const part of text.split(",").map((item) => item.trim()).filter(Boolean)) {
    const { login, url } = splitUrl(part);
    urls.push(url);
    if (login) logins.add(login);
  }
  if (logins.size > 1) {
    throw new ConfigError("The URLs in NATS_URL name several users; give the same one in each.");
  }
  const [login = ""] = logins;
  const [user, ...rest] = login.split(":");
  return { urls, user: unquoted(user), password: unquoted(rest.join(":")) };
}

/** @param {string} part */
function splitUrl(part) {
  const whole = part.includes("://") ? part : `nats://${part}`;
  const [, scheme, rest] = /^([a-z]+:)\/\/(.*)$/.exec(whole) ?? ["", "", ""];
  const at = rest.lastIndexOf("@");
  const address = rest.slice(at + 1).replace(/\/+$/, "");
  // The login is cut off first: it may hold what no URL may.
  const isAddress = SCHEMES.includes(scheme) && URL.canParse(`http://${address}`) && !/\s/.test(part);
  if (!isAddress || !address) {
    const shown = JSON.stringify(part.slice(part.lastIndexOf("@") + 1).slice(0, 80));
    throw new ConfigError(`${shown} is no server address; write it as nats://host:4222.`);
  }
  return { login: at < 0 ? "" : rest.slice(0, at), url: `${scheme}//${address}` };
}

/** @param {string} text */
function unquoted(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * A duration as the `nats` command writes it, in milliseconds.
 *
 * @param {string} text
 */
function milliseconds(text) {
  const parts = [...text.trim().matchAll(/([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s|m|h|)/g)];
  const total = parts.reduce((sum, [, count, unit]) => sum + Number(count) * MILLISECONDS[unit], 0);
  if (total > 0 && parts.map((part) => part[0]).join("") === text.trim()) return total;
  throw new ConfigError(`NATS_TIMEOUT is ${JSON.stringify(text.slice(0, 40))}; write a duration such as 5s.`);
}

/**
 * @param {Variables} variables
 * @returns {Address}
 */
function fromVariables(variables) {
  /** @param {string} name */
  const text = (name) => (variables[`NATS_${name}`] ?? "").trim();
  const inUrl = splitUrls(text("URL"));
  const user = inUrl.user || text("USER");
  const password = inUrl.user ? inUrl.password : (variables.NATS_PASSWORD ?? "");
  return asToken({
    urls: inUrl.urls,
    user,
    password,
    token: text("TOKEN"),
    creds: text("CREDS"),
    nkey: text("NKEY"),
    jwt: text("JWT"),
    seed: text("SEED"),
    cert: text("CERT"),
    key: text("KEY"),
    ca: text("CA"),
    tlsFirst: TRUE.includes(text("TLS_FIRST").toLowerCase()),
    timeoutMs: text("TIMEOUT") ? milliseconds(text("TIMEOUT")) : 5000,
    inboxPrefix: text("INBOX_PREFIX"),
  });
}

/**
 * As in the `nats` command, a user without a password is a token.
 *
 * @param {Address} address
 */
function asToken(address) {
  if (!address.user || address.password) return address;
  return { ...address, user: "", token: address.user };
}

/**
 * What was given over a context; a whole login replaces the context's login.
 *
 * @param {Address} given
 * @param {Address} saved
 * @returns {Address}
 */
function over(given, saved) {
  const base = { ...saved };
  if (LOGIN.some((name) => given[name])) {
    for (const name of LOGIN) base[name] = "";
  }
  const chosen = Object.entries(given).filter(([, value]) => (Array.isArray(value) ? value.length : value));
  return { ...base, ...Object.fromEntries(chosen) };
}

/** @param {Variables} variables */
function configHome(variables) {
  return variables.XDG_CONFIG_HOME || path.join(variables.HOME || os.homedir(), ".config");
}

/** @param {Variables} variables */
function selectedContext(variables) {
  try {
    return fs.readFileSync(path.join(configHome(variables), "nats", "context.txt"), "utf8").trim();
  } catch {
    return "";
  }
}

/**
 * One saved context, or a context file whose name ends in `.json`. Throws ConfigError.
 *
 * @param {string} name
 * @param {Variables} variables
 */
function readContext(name, variables) {
  const isFile = name.endsWith(".json") && fs.existsSync(name);
  if (!isFile && (name.includes("..") || /[/\\]/.test(name))) {
    throw new ConfigError(`${JSON.stringify(name.slice(0, 40))} is no name of a context; 'nats context ls' lists them.`);
  }
  const file = isFile ? name : path.join(configHome(variables), "nats", "context", `${name}.json`);
  let body;
  try {
    body = JSON.parse(fs.readFileSync(file, "utf8"));
  } catch {
    throw new ConfigError(`The context ${JSON.stringify(name)} cannot be read from ${file}.`);
  }
  return contextAddress(name, Object(body));
}

/**
 * @param {string} name
 * @param {Record<string, unknown>} body
 * @returns {Address}
 */
function contextAddress(name, body) {
  const refused = REFUSED.find((key) => body[key]);
  if (refused) {
    throw new ConfigError(`The context ${JSON.stringify(name)} sets ${refused}, which Mendwire cannot use.`);
  }
  const { urls, user, password } = splitUrls(String(body.url || LOCAL_URL));
  const address = { ...fromVariables({}), urls, tlsFirst: body.tls_first === true };
  for (const [key, field] of Object.entries(IN_CONTEXT)) {
    Object.assign(address, { [field]: typeof body[key] === "string" ? body[key] : "" });
  }
  return asToken(user ? { ...address, user, password } : address);
}

/**
 * The context file of the server that `mendwire up` keeps in this project, if it is ours.
 *
 * @param {string} directory
 */
function findEmbedded(directory) {
  for (let folder = path.resolve(directory); ; folder = path.dirname(folder)) {
    const file = path.join(folder, EMBEDDED);
    const found = fs.statSync(file, { throwIfNoEntry: false });
    if (found && found.uid === process.getuid?.()) return file;
    if (path.dirname(folder) === folder || fs.existsSync(path.join(folder, ".git"))) return "";
  }
}

/**
 * A credential's text where `value` is an address of it; otherwise `value` itself.
 *
 * @param {string} value
 * @param {Variables} variables
 */
function credential(value, variables) {
  if (value.startsWith("file://")) return readText(fileURLToPath(value));
  if (value.startsWith("env://")) {
    const name = value.slice("env://".length);
    const found = variables[name];
    if (found !== undefined) return found;
    throw new ConfigError(`A credential is to come from the variable ${name.slice(0, 60)}, which is not set.`);
  }
  const marker = ";base64,";
  if (value.startsWith("data:") && value.includes(marker)) {
    return Buffer.from(value.slice(value.indexOf(marker) + marker.length), "base64").toString();
  }
  return value;
}

/**
 * The content of a credential whose plain form is a path.
 *
 * @param {string} value
 * @param {Variables} variables
 */
function credentialFile(value, variables) {
  const text = credential(value, variables);
  if (text !== value) return text;
  const home = variables.HOME || os.homedir();
  return readText(value.startsWith("~/") ? path.join(home, value.slice(2)) : value);
}

/** @param {string} file */
function readText(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (problem) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (problem);
    throw new ConfigError(`The credential file ${file} cannot be read: ${code}.`);
  }
}

/**
 * @param {string} text
 * @param {string} where
 */
function seedLine(text, where) {
  const seed = text.split(/\r?\n/).map((line) => line.trim()).find((line) => line.startsWith("SU"));
  if (seed) return seed;
  throw new ConfigError(`${where} holds no user seed (a line that begins with SU).`);
}
