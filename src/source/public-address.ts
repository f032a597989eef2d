import { BlockList, isIP } from "node:net"

/** Ranges that are not the public internet: IANA's special-purpose registry (RFC 6890 and its updates), and multicast. */
const inside = new BlockList()
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4]
] as const)
  inside.addSubnet(network, bits, "ipv4")
// Teredo, documentation, 6to4: the last two carry addresses of version 4 inside.
for (const [network, bits] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20]
] as const)
  inside.addSubnet(network, bits, "ipv6")

const global = new BlockList()
global.addSubnet("2000::", 3, "ipv6")

/** Whether a numeric address is one of the public internet: not loopback, private, link-local, multicast, or set aside. */
export const isPublicAddress = (address: string): boolean => {
  const bare = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "")
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)
  const ip = mapped === null ? bare : mapped[1]
  const version = isIP(ip)
  if (version === 4) return !inside.check(ip, "ipv4")
  return version === 6 && global.check(ip, "ipv6") && !inside.check(ip, "ipv6")
}
