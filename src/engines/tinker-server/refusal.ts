import { EngineError } from "../../errors.ts";

/** A request that is refused, in a sentence that its sender reads. Conflicts are 400: clients send 409 again for minutes. */
export class Refusal extends EngineError {
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}
