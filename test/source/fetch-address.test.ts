import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { OpenError } from "../../src/core/errors.ts"
import { openSource } from "../../src/source/open-source.ts"
import { isPublicAddress } from "../../src/source/public-address.ts"
import { CurrentSourceLimits, defaultSourceLimits, type SourceLimits } from "../../src/source/source-limits.ts"
import { testFolder } from "./temporary-folder.ts"

const { temporaries } = testFolder()
const png = Buffer.from("\x89PNG\r\n\x1a\n" + "x".repeat(1000), "latin1")
let port = 0
let hits: Array<string> = []
let open = 0

const answer = (request: IncomingMessage, response: ServerResponse): void => {
  const url = request.url ?? "/"
  hits.push(url)
  open++
  response.on("close", () => open--)
  if (url.startsWith("/to?")) response.writeHead(302, { location: decodeURIComponent(url.slice(4)) }).end()
  else if (url === "/loop") response.writeHead(302, { location: "/loop" }).end()
  else if (url === "/none") response.writeHead(404).end("no")
  else if (url === "/silent") return
  else if (url === "/stops") response.write(png)
  else if (url === "/short") {
    response.writeHead(200, { "content-length": "5000" })
    response.write(png, () => response.destroy())
  } else if (url === "/promises") response.writeHead(200, { "content-length": "99999999" }).write(png)
  else if (url === "/gzip") response.writeHead(200, { "content-encoding": "gzip" }).end(png)
  else if (url === "/endless") {
    const more = (): void => {
      while (response.write(Buffer.alloc(65_536))) if (response.destroyed) return
      response.once("drain", more)
    }
    more()
  } else response.end(png)
}
const server = createServer(answer)

beforeAll(
  () =>
    new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (typeof address === "object" && address !== null) port = address.port
        resolve()
      })
    })
)
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const allowed: Partial<SourceLimits> = { allowPrivateAddresses: true }
const at = (place: string): string => `http://127.0.0.1:${port}${place}`
const opening = (url: string, limits: Partial<SourceLimits>) =>
  openSource({ _tag: "Url", url }).pipe(Effect.provideService(CurrentSourceLimits, { ...defaultSourceLimits, connectMs: 3000, ...limits }))
const checkRefused = (url: string, tag: OpenError["_tag"], message: RegExp, limits: Partial<SourceLimits> = {}) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(Effect.scoped(opening(url, limits)))
    expect(error._tag, error.message).toBe(tag)
    expect(error.message).toMatch(message)
    expect(temporaries()).toStrictEqual([])
  })

describe("an address inside", () => {
  for (const host of ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "[::]"]) {
    it.live(host, () =>
      Effect.gen(function* () {
        hits = []
        yield* checkRefused(`http://${host}:${port}/secret`, "AddressRefused", /not a public address/)
        expect(hits).toStrictEqual([])
      })
    )
  }
  it.live("is read when a setting allows it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const opened = yield* opening(at("/picture.png?token=secret"), allowed)
        expect(Buffer.from(yield* opened.bytes)).toStrictEqual(png)
        expect(opened.name).toBe(`http://127.0.0.1:${port}/picture.png`)
        expect(opened.kind).toMatchObject({ _tag: "Image", format: "png" })
      })
    )
  )
})

describe("a redirect", () => {
  it.live("is followed", () =>
    Effect.scoped(
      Effect.flatMap(opening(at(`/to?${encodeURIComponent("/a.png")}`), allowed), (opened) => Effect.sync(() => expect(opened.size).toBe(png.length)))
    )
  )
  it.live("to a file is refused", () =>
    checkRefused(at(`/to?${encodeURIComponent("file:///etc/passwd")}`), "AddressRefused", /file: addresses are not read/, allowed)
  )
  it.live("without end is given up", () =>
    Effect.gen(function* () {
      hits = []
      yield* checkRefused(at("/loop"), "SourceUnreadable", /redirects more than 5 times/, allowed)
      expect(hits.length).toBe(6)
    })
  )
})

describe("an answer", () => {
  it.live("of status 404", () => checkRefused(at("/none"), "SourceUnreadable", /answered with status 404/, allowed))
  it.live("that does not come", () => checkRefused(at("/silent"), "SourceUnreadable", /did not answer within 0\.1 seconds/, { ...allowed, connectMs: 100 }))
  it.live("that stops", () => checkRefused(at("/stops"), "SourceUnreadable", /gave nothing for 0\.1 seconds/, { ...allowed, idleMs: 100 }))
  it.live("that takes too long", () => checkRefused(at("/stops"), "SourceUnreadable", /was not read within 0\.1 seconds/, { ...allowed, downloadMs: 100 }))
  it.live("that breaks off", () => checkRefused(at("/short"), "SourceUnreadable", /could not be read/, allowed))
  it.live("that promises too much", () =>
    checkRefused(at("/promises"), "LimitExceeded", /99,999,999 bytes; at most 1,000,000/, { ...allowed, maxBytes: 1_000_000 })
  )
  it.live("that never ends", () => checkRefused(at("/endless"), "LimitExceeded", /at most 1,000,000/, { ...allowed, maxBytes: 1_000_000, spoolInMemory: 1000 }))
  it.live("in an encoding nobody asked for", () => checkRefused(at("/gzip"), "SourceUnreadable", /encoding/, allowed))
  it.live("from nobody", () => checkRefused("http://127.0.0.1:1/", "SourceUnreadable", /ECONNREFUSED/, allowed))
  it.live("from a name that is none", () => checkRefused("http://nothing.invalid/", "SourceUnreadable", /ENOTFOUND|EAI_AGAIN|did not answer/))
  it.live("that is interrupted closes its connection", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.scoped(opening(at("/stops"), allowed)))
      yield* Effect.sleep(150)
      yield* Fiber.interrupt(fiber)
      yield* Effect.sleep(50)
      expect(open).toBe(0)
      expect(temporaries()).toStrictEqual([])
    })
  )
})

describe("isPublicAddress", () => {
  for (const address of ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "[2606:4700::1111]"])
    it(`${address} is`, () => expect(isPublicAddress(address)).toBe(true))
  for (const address of [
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "127.0.0.53",
    "0.1.2.3",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:db8::1",
    "",
    "name",
    "1.2.3"
  ])
    it(`${address} is not`, () => expect(isPublicAddress(address)).toBe(false))

  const octet = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
  it.prop(
    "says the same of an address and of its mapped form",
    [octet, octet, octet, octet],
    (octets) => {
      expect(isPublicAddress(`::ffff:${octets.join(".")}`)).toBe(isPublicAddress(octets.join(".")))
      return true
    },
    { arbitrary: { runs: 1000 } }
  )
})
