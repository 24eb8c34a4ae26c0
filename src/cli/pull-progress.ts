import type { PullEvent } from "../engines/onnx/files/hub.ts";
import type { Screen } from "./screen.ts";
import { bytes, duration, percent } from "./words.ts";

/** Seconds that the rate looks back on. */
const RECENT = 10;
/** Seconds between two drawings of the live line, and between lines where none can be redrawn. */
const LIVE_EVERY = 0.1;
const PIPE_EVERY = 10;
const BAR = 20;

/** What a person sees of a pull: one redrawn line in a terminal, a line every ten seconds elsewhere. */
export interface PullProgress {
  /** `now` in seconds, of any clock that only goes forward. */
  on(event: PullEvent, now: number): void;
  /** Leaves one line about the whole of it, when something came. */
  end(): void;
}

/** Shows the pull of a model on a screen. */
export const pullProgress = (screen: Screen, name: string): PullProgress => {
  const seen: { readonly now: number; readonly bytes: number }[] = [];
  let begun: { readonly now: number; readonly bytes: number } | undefined;
  let last = begun;
  let shownAt = Number.NEGATIVE_INFINITY;
  const rate = (): number => {
    const [first] = seen;
    const newest = seen.at(-1);
    return first && newest && newest.now > first.now
      ? Math.max(0, (newest.bytes - first.bytes) / (newest.now - first.now))
      : 0;
  };
  return {
    on: (event, now) => {
      if (event.type === "pull-wait") {
        const who = event.pid === undefined ? "another process" : `process ${event.pid}`;
        screen.line(`${who} is pulling ${name}: waiting for it`);
        return;
      }
      if (event.type === "pull-start") {
        const { commit, architecture, files, total, bytes: there } = event;
        const rest = there > total / 100 ? `, ${bytes(there)} of it here already` : "";
        screen.line(
          `pull   ${name} at ${commit.slice(0, 8)}: ${architecture}, ${files} ${files === 1 ? "file" : "files"}, ${bytes(total)}${rest}`,
        );
        begun = { now, bytes: there };
        shownAt = now;
        return;
      }
      last = { now, bytes: event.bytes };
      if (now - shownAt < (screen.interactive ? LIVE_EVERY : PIPE_EVERY)) return;
      shownAt = now;
      seen.push(last);
      while (seen.length > 2 && (seen[0]?.now ?? now) < now - RECENT) seen.shift();
      const share = event.total === 0 ? 1 : event.bytes / event.total;
      const speed = rate();
      const left = speed > 0 ? `${bytes(speed)}/s · ${duration((event.total - event.bytes) / speed)} left` : "–";
      const place = `${percent(share)} · ${bytes(event.bytes)} of ${bytes(event.total)} · ${left} · ${event.file}`;
      const full = Math.round(share * BAR);
      if (screen.interactive) screen.live(`${"█".repeat(full)}${"░".repeat(BAR - full)} ${place}`);
      else screen.line(`pull   ${place}`);
    },
    end: () => {
      screen.clear();
      if (begun === undefined || last === undefined) return;
      const seconds = last.now - begun.now;
      const came = Math.max(0, last.bytes - begun.bytes);
      const speed = seconds > 0 ? `, ${bytes(came / seconds)}/s` : "";
      screen.line(`pulled ${bytes(came)} in ${duration(seconds)}${speed}, every hash checked`);
    },
  };
};
