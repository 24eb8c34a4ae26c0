import { afterEach, expect, it } from "vitest";
import { type Interrupts, listenToInterrupts } from "./interrupt.ts";

let open: Interrupts | undefined;
afterEach(() => open?.close());

it.each(["SIGINT", "SIGTERM"] as const)(
  "takes the first %s as a wish to stop, and the second as an order",
  (signal) => {
    let asked = 0;
    open = listenToInterrupts(() => {
      asked += 1;
    });
    open.stopAtOnce = false;
    process.emit(signal);
    expect([asked, open.asked, open.stopSignal.aborted, open.abortSignal.aborted]).toEqual([1, true, true, false]);
    process.emit(signal);
    expect([asked, open.abortSignal.aborted]).toEqual([1, true]);
    const before = process.listenerCount(signal);
    open.close();
    expect(process.listenerCount(signal)).toBe(before - 1);
  },
);
