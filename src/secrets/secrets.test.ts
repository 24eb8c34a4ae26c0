import { expect, it } from "vitest";
import { keysOf, secretsGiven, secretsOf } from "./secrets.ts";

const random = "q7Xb2mT9wLc4Rz81";

it.each(
  `AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SESSION_TOKEN GITHUB_PAT GITHUB_TOKEN GH_TOKEN NPM_AUTH NPM_TOKEN NPMTOKEN
  PGPASSWORD MYSQL_PWD MYSQL_ROOT_PASSWORD DB_PASS DB_PASSWD DBPASSWORD SSHPASS STRIPE_SK STRIPE_SECRET HF_TOKEN
  OPENAI_KEY OPENAI_APIKEY openaiApiKey ANTHROPIC_API_KEY AZURE_OPENAI_KEY_1 API_KEY_V2 APIKEY2 TWILIO_SID
  TWILIO_AUTH_TOKEN SMTP_PASS MAIL_PASSWORD JWT_SIGNING JWT_PRIVATE JWT SESSION_SECRET SECRET_KEY_BASE COOKIE_SIGNATURE
  ENCRYPTION_SALT GPG_PASSPHRASE VAULT_TOKEN CI_JOB_JWT BEARER TLS_CERT CLIENT_CERTIFICATE GOOGLE_CREDENTIALS AWS_CREDS
  BASIC_AUTH HTTP_AUTHORIZATION SESSION_COOKIE PEPPER SNYK_OAUTH_CODE KEY1 DOCKER_AUTH_CONFIG`.split(/\s+/),
)("takes %s for a secret", (name) => {
  expect(secretsOf({ [name]: random })).toContain(random);
});

it.each([
  [
    "SLACK_WEBHOOK_URL",
    "https://hooks.example.com/services/T00000/B00000/abcdEFGH1234",
    "https://hooks.example.com/services/T00000/B00000/abcdEFGH1234",
  ],
  ["SENTRY_DSN", "https://0123456789abcdef0123456789abcdef@o1.ingest.example.io/2", "0123456789abcdef0123456789abcdef"],
  ["REDIS_URL", "redis://:hunter2hunter@cache.example.com:6379/0", "hunter2hunter"],
  ["DATABASE_URL", "postgres://app:p%40ss-word@db.example.com/app", "p@ss-word"],
  ["SOMETHING", "postgres://app:p%40ss-word@db.example.com/app", "p@ss-word"],
  [
    "AZURE_STORAGE_CONNECTION_STRING",
    "AccountName=x;AccountKey=aGVsbG8gd29ybGQ9;EndpointSuffix=core",
    "aGVsbG8gd29ybGQ9",
  ],
  ["GOOGLE_APPLICATION_CREDENTIALS_JSON", '{"type":"service_account","private_key_id":"0a1b2c3d4e5f"}', "0a1b2c3d4e5f"],
  ["OUR_GATEWAY", "sk-proj-0123456789abcdefghij", "sk-proj-0123456789abcdefghij"],
  ["DEPLOY", "ghp_0123456789abcdefghijABCDEF", "ghp_0123456789abcdefghijABCDEF"],
  ["BOT", "xoxb-1234567890-abcdefghij", "xoxb-1234567890-abcdefghij"],
  [
    "IDENTITY",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
  ],
  ["DEPLOY_FILE", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----", "MIIEvQIBADAN"],
  ["SEARXNG_URL", "https://searx.example.com/?token=abc12345xyz", "abc12345xyz"],
  ["WHATEVER", "aB3dE5fG7hJ9kL1mN3pQ5rS7", "aB3dE5fG7hJ9kL1mN3pQ5rS7"],
])("finds what opens something in %s", (name, value, secret) => {
  expect(secretsOf({ [name]: value })).toContain(secret);
});

it.each([
  ["PWD", "/work/project-1234"],
  ["OLDPWD", "/srv/a1b2c3d4"],
  ["PATH", "/usr/local/bin:/usr/bin"],
  ["HOME", "/home/jane1234"],
  ["USER", "jane1234"],
  ["DB_PASSWORD_USER", "postgres"],
  ["TERM", "xterm-256color"],
  ["LANG", "en_US.UTF-8"],
  ["MAX_TOKENS", "100000"],
  ["TOKEN_LIMIT", "819200"],
  ["TOKENIZERS_PARALLELISM", "true"],
  ["KEYBOARD_LAYOUT", "german"],
  ["SSH_AUTH_SOCK", "/tmp/ssh-XXXX8fGh3dKl/agent.1234"],
  ["GIT_AUTHOR_NAME", "Jane Doe"],
  ["GIT_AUTHOR_EMAIL", "jane@example.com"],
  ["XDG_SESSION_TYPE", "wayland"],
  ["DESKTOP_SESSION", "ubuntu-xorg"],
  ["SESSIONNAME", "Console"],
  ["SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"],
  ["XAUTHORITY", "/run/user/1000/xauth"],
  ["GOOGLE_APPLICATION_CREDENTIALS", "/home/jane/key-file.json"],
  ["SECRET_TOKEN", "true"],
  ["API_KEY", "none"],
  ["OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"],
  ["AUTH_URL", "https://login.example.com/oauth2/v1"],
  ["KEY_TYPE", "ed25519"],
  ["AUTH_METHOD", "scram-sha"],
  ["NODE_ENV", "production"],
  ["AUTH", "basic"],
  ["COMMIT_SHA", "8b1a9953c4611296a827abf8c47804d7aabbccdd"],
  ["DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus"],
  ["AGENTFLOW_MODEL", "openai:gpt-5-mini"],
  ["SESSION_MANAGER", "local/host:@/tmp/.ICE-unix/1"],
  ["HOSTNAME", "ip-10-0-0-1"],
])("leaves %s=%s alone", (name, value) => {
  expect(secretsOf({ [name]: value })).toEqual([]);
});

it("does not take the user's name for a password", () => {
  expect(secretsOf({ USER: "postgres", PGPASSWORD: "postgres" })).toEqual([]);
});

it("finds keys among headers, and leaves the rest of them", () => {
  expect(
    secretsGiven({ authorization: `Basic ${btoa("jane:open-sesame")}`, "x-api-key": random, "x-title": "My App" }),
  ).toEqual(expect.arrayContaining(["open-sesame", random, btoa("jane:open-sesame")]));
  expect(secretsGiven({ "x-title": "My App", accept: "application/json" })).toEqual([]);
});

it("takes every key for a secret, with and without its scheme", () => {
  expect(keysOf("Bearer letmein-please")).toEqual(["Bearer letmein-please", "letmein-please"]);
});
