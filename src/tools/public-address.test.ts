import { describe, expect, it } from "vitest";
import { addressGuard } from "./guarded-fetch.ts";
import { isPublicAddress } from "./public-address.ts";

/** Each special range: its first and last address, and those that lie beside it where they are public. */
const ranges: readonly (readonly [inside: readonly string[], beside: readonly string[]])[] = [
  [["0.0.0.0", "0.255.255.255"], ["1.0.0.0"]],
  [
    ["10.0.0.0", "10.255.255.255"],
    ["9.255.255.255", "11.0.0.0"],
  ],
  [
    ["100.64.0.0", "100.127.255.255"],
    ["100.63.255.255", "100.128.0.0"],
  ],
  [
    ["127.0.0.0", "127.255.255.255"],
    ["126.255.255.255", "128.0.0.0"],
  ],
  [
    ["169.254.0.0", "169.254.255.255"],
    ["169.253.255.255", "169.255.0.0"],
  ],
  [
    ["172.16.0.0", "172.31.255.255"],
    ["172.15.255.255", "172.32.0.0"],
  ],
  [
    ["192.0.0.0", "192.0.0.9", "192.0.0.255"],
    ["191.255.255.255", "192.0.1.0"],
  ],
  [
    ["192.0.2.0", "192.0.2.255"],
    ["192.0.1.255", "192.0.3.0"],
  ],
  [
    ["192.31.196.0", "192.31.196.255"],
    ["192.31.195.255", "192.31.197.0"],
  ],
  [
    ["192.52.193.0", "192.52.193.255"],
    ["192.52.192.255", "192.52.194.0"],
  ],
  [
    ["192.88.99.0", "192.88.99.255"],
    ["192.88.98.255", "192.88.100.0"],
  ],
  [
    ["192.168.0.0", "192.168.255.255"],
    ["192.167.255.255", "192.169.0.0"],
  ],
  [
    ["192.175.48.0", "192.175.48.255"],
    ["192.175.47.255", "192.175.49.0"],
  ],
  [
    ["198.18.0.0", "198.19.255.255"],
    ["198.17.255.255", "198.20.0.0"],
  ],
  [
    ["198.51.100.0", "198.51.100.255"],
    ["198.51.99.255", "198.51.101.0"],
  ],
  [
    ["203.0.113.0", "203.0.113.255"],
    ["203.0.112.255", "203.0.114.0"],
  ],
  [["224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255"], ["223.255.255.255"]],
  [["168.63.129.16"], ["168.63.129.15", "168.63.129.17"]],
  [
    ["161.26.0.0", "161.26.255.255"],
    ["161.25.255.255", "161.27.0.0"],
  ],
  [
    ["166.8.0.0", "166.11.255.255"],
    ["166.7.255.255", "166.12.0.0"],
  ],
  [["1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], ["2000::"]],
  [["4000::"], ["3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]],
  [
    ["2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"],
  ],
  [["2001:1::1", "2001:2::", "2001:3::", "2001:4:112::", "2001:10::", "2001:20::", "2001:30::"], []],
  [
    ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001:db7:ffff::", "2001:db9::"],
  ],
  [
    ["2002::", "2002:808:808::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001:ffff:ffff::", "2003::"],
  ],
  [
    ["2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"],
    ["2620:4f:7fff:ffff::", "2620:4f:8001::"],
  ],
  [
    ["3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["3ffe:ffff:ffff::", "3fff:1000::"],
  ],
  [["::", "::1", "::2", "::8.8.8.8", "::127.0.0.1", "0:0:0:0:0:0:ffff:ffff"], []],
  [["::ffff:0.0.0.0", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::ffff:0:8.8.8.8", "::fffe:8.8.8.8"], []],
  [["64:ff9b::", "64:ff9b::808:808", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"], []],
  [["100::", "100:0:0:1::", "5f00::", "fc00::", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::", "ff02::1"], []],
  [["2606:2800:220:1::1%eth0", "fe80::1%lo"], []],
];

describe("the public internet", () => {
  it.each(ranges)("is not %j, and is %j", async (inside, beside) => {
    for (const address of inside) expect([address, await isPublicAddress(address)]).toEqual([address, false]);
    for (const address of beside) expect([address, await isPublicAddress(address)]).toEqual([address, true]);
  });

  it("is where known sites are", async () => {
    for (const address of ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450::1"])
      expect([address, await isPublicAddress(address)]).toEqual([address, true]);
    expect(await isPublicAddress("example.org")).toBeUndefined();
  });

  it("takes no name that resolves to anything else, in any spelling", async () => {
    const guard = addressGuard(async (host) => [host === "azure.test" ? "168.63.129.16" : "::8.8.8.8"]);
    for (const host of ["azure.test", "compatible.test", "168.63.129.16", "0xa83f8110", "2822734096", "[::808:808]"])
      await expect(guard.admit(`http://${host}/`), host).rejects.toThrow(/not on the public internet/);
    expect(await guard.admit("http://[2a00:1450::1]/")).toEqual(["2a00:1450::1"]);
  });
});
