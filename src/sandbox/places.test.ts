import { expect, it } from "vitest";
import { placesOf } from "./places.ts";

it("hands places over in the order of asking, and one who leaves takes none", async () => {
  const places = placesOf([1]);
  const first = await places.take();
  const leaver = new AbortController();
  const left = places.take(leaver.signal);
  const second = places.take();
  leaver.abort(new Error("enough"));
  await expect(left).rejects.toThrow("enough");
  places.giveBack(first);
  expect(await second).toBe(1);
  places.giveBack(1);
  await expect(places.take(AbortSignal.abort(new Error("before")))).rejects.toThrow("before");
  expect(await places.take()).toBe(1);
});
