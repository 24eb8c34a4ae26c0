import { EngineError } from "../../errors.ts";

/** A server's refusal: nothing but another request changes it. */
export class ServerRefusal extends EngineError {
  readonly status: number;
  /** In the server's words. */
  readonly detail: string;

  constructor(message: string, status: number, detail: string) {
    super(message);
    this.status = status;
    this.detail = detail;
  }
}

/** What a request was about is no longer there: its model, its session or its result. */
export class Lost extends EngineError {}

/** The server let go of a result that was not fetched in time: the request is to be sent again. */
export class Expired extends EngineError {}

const GONE = /not loaded|not found|no session|no sampling session|unloaded/i;

/** What a refusal in these words means. */
export const failureOf = (what: string, status: number, detail: string): EngineError => {
  const message = `${what}: the server answered ${status}${detail === "" ? "" : `, ${JSON.stringify(detail.slice(0, 500))}`}.`;
  if (status === 410) return new Expired(message);
  if (status === 404 || (status === 400 && GONE.test(detail))) return new Lost(message);
  return new ServerRefusal(message, status, detail);
};
