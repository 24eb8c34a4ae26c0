/** Where a client's messages come from, and go to. */
export interface McpStreams {
  readonly input: AsyncIterable<Uint8Array | string>;
  /** Gets whole messages, a line each. */
  readonly write: (text: string) => void;
}
