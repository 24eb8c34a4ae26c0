/** What is secret in an environment, and how it is taken out of texts, data and errors. */
export { type RedactedStream, type Redactor, redactor } from "./redact.ts";
export { secretsOf } from "./secrets.ts";
