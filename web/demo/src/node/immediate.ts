/** Gives the thread `setImmediate` of Node, which browsers have not: a turn of the event loop, without the delay of a timer. */
export const installImmediate = (): void => {
  const waiting: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => waiting.shift()?.();
  Object.assign(globalThis, {
    setImmediate: (run: () => void): void => {
      waiting.push(run);
      port2.postMessage(undefined);
    },
  });
};
