import type { Clock } from "../clock.ts";
import { pause, queue } from "./pause.ts";

export interface RateLimit {
  /** Waits for a place. The returned function gives it back and says how many tokens the call has used. */
  enter(signal: AbortSignal): Promise<(tokens: number) => void>;
}

export interface RateLimitOptions {
  readonly concurrency: number;
  readonly requestsPerMinute: number | undefined;
  readonly tokensPerMinute: number | undefined;
  readonly clock: Clock;
}

/** Calls at once, requests a minute and tokens a minute; who comes first goes first. */
export const rateLimit = ({ concurrency, requestsPerMinute, tokensPerMinute, clock }: RateLimitOptions): RateLimit => {
  const places = queue();
  const requests = bucket(requestsPerMinute, clock);
  const tokens = bucket(tokensPerMinute, clock);
  let running = 0;
  return {
    enter: async (signal) => {
      if (running >= concurrency) await places.wait(signal);
      else running += 1;
      const leave = (): void => {
        if (places.length > 0) places.open();
        else running -= 1;
      };
      try {
        const seconds = Math.max(requests.wait(), tokens.wait());
        requests.take(1);
        if (seconds > 0) await pause(clock, seconds, signal);
      } catch (error) {
        leave();
        throw error;
      }
      return (used) => {
        tokens.take(used);
        leave();
      };
    },
  };
};

/** An amount per minute, of which a minute's worth may be saved up. Taking more means waiting. */
const bucket = (perMinute: number | undefined, clock: Clock): { wait(): number; take(amount: number): void } => {
  if (perMinute === undefined) return { wait: () => 0, take: () => undefined };
  let left = perMinute;
  let last = clock.now();
  const fill = (): void => {
    const now = clock.now();
    left = Math.min(perMinute, left + ((now - last) / 60_000) * perMinute);
    last = now;
  };
  return {
    wait: () => {
      fill();
      return left >= 1 ? 0 : ((1 - left) / perMinute) * 60;
    },
    take: (amount) => {
      fill();
      left -= amount;
    },
  };
};
