import { optionalPackage } from "../optional-package.ts";

/**
 * IPv4 that is not the public internet: IANA's special-purpose registry, multicast, what is reserved for future use, and
 * addresses that look public but are answered by the network of a cloud (Azure's host, IBM's services).
 */
const SPECIAL_4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "168.63.129.16/32",
  "161.26.0.0/16",
  "166.8.0.0/14",
] as const;

/** All of IPv6 that IANA gives out as global unicast. */
const GLOBAL_6 = "2000::/3";

/**
 * What of that is special: protocol assignments (Teredo, benchmarking, ORCHID and the anycast addresses among them, none of
 * which has pages), documentation, 6to4 and AS112. IPv4 within IPv6 (mapped, compatible, NAT64) lies outside of 2000::/3.
 */
const SPECIAL_6 = ["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"] as const;

/** Whether an address is on the public internet; undefined for a text that is not an address. Throws `ConfigError`. */
export const isPublicAddress = async (text: string): Promise<boolean | undefined> => {
  const { default: ipaddr } = await optionalPackage("ipaddr.js", () => import("ipaddr.js"));
  if (!ipaddr.isValid(text)) return undefined;
  // An address with a zone is one of a network that this machine is in.
  if (text.includes("%")) return false;
  const address = ipaddr.parse(text);
  const within = (range: string): boolean => address.match(ipaddr.parseCIDR(range));
  // What a newer list of the library calls special is special here, too.
  if (address.range() !== "unicast") return false;
  return address.kind() === "ipv4" ? !SPECIAL_4.some(within) : within(GLOBAL_6) && !SPECIAL_6.some(within);
};
