import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs"
import { createServer, type Server as SocketServer } from "node:net"
import type { OpenError } from "../../src/core/errors.ts"
import type { Source } from "../../src/core/source.ts"
import type { OpenedSource } from "../../src/source/opened-source.ts"
import { openSource } from "../../src/source/open-source.ts"
import { CurrentSourceLimits, defaultSourceLimits, type SourceLimits } from "../../src/source/source-limits.ts"
import { openFiles, testFolder } from "./temporary-folder.ts"

const { path, temporaries } = testFolder()
const png = Uint8Array.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + "x".repeat(100), (letter) => letter.charCodeAt(0))
const file = (name: string): Source => ({ _tag: "Path", path: path(name) })
const streamOf = (...pieces: ReadonlyArray<Uint8Array>): Source => ({ _tag: "ByteStream", bytes: Stream.fromIterable(pieces) })

const within = <A, E>(source: Source, use: (opened: OpenedSource) => Effect.Effect<A, E, Scope.Scope>, limits: Partial<SourceLimits> = {}) =>
  Effect.scoped(Effect.flatMap(openSource(source), use)).pipe(Effect.provideService(CurrentSourceLimits, { ...defaultSourceLimits, ...limits }))

const refused = (source: Source, limits: Partial<SourceLimits> = {}): Effect.Effect<OpenError> =>
  Effect.flip(Effect.scoped(openSource(source))).pipe(
    Effect.orDie,
    Effect.provideService(CurrentSourceLimits, { ...defaultSourceLimits, ...limits }),
    Effect.timeoutOrElse({ duration: 5000, orElse: () => Effect.die("it hung") })
  )

const checkRefused = (source: Source, tag: OpenError["_tag"], message: RegExp, limits: Partial<SourceLimits> = {}) =>
  Effect.map(refused(source, limits), (error) => {
    expect(error._tag).toBe(tag)
    expect(error.message).toMatch(message)
  })

describe("a path that cannot be read", () => {
  it.live("no such file", () => checkRefused(file("nothing.png"), "SourceUnreadable", /^nothing\.png cannot be read: there is no such file$/))
  it.live("a part of the path is a file", () => {
    writeFileSync(path("plain"), "a")
    return checkRefused(file("plain/a.png"), "SourceUnreadable", /no folder/)
  })
  it.live("an empty path", () => checkRefused({ _tag: "Path", path: "" }, "SourceUnreadable", /path is empty/))
  it.live("a zero byte in the name", () => checkRefused({ _tag: "Path", path: "a\0b" }, "SourceUnreadable", /zero byte/))
  it.live("a folder", () => {
    mkdirSync(path("folder.png"))
    return checkRefused(file("folder.png"), "SourceUnreadable", /it is a folder/)
  })
  it.live("an empty file", () => {
    writeFileSync(path("empty.mp4"), "")
    return checkRefused(file("empty.mp4"), "SourceUnreadable", /it is empty/)
  })
  it.live("a device", () => checkRefused({ _tag: "Path", path: "/dev/zero" }, "SourceUnreadable", /it is a device/))
  it.live("a pipe, without waiting for its writer", () => {
    execFileSync("mkfifo", [path("pipe.mp4")])
    return checkRefused(file("pipe.mp4"), "SourceUnreadable", /it is a pipe; give its content as a byte stream/)
  })
  it.live("a link to a pipe", () => {
    symlinkSync(path("pipe.mp4"), path("to-pipe.mp4"))
    return checkRefused(file("to-pipe.mp4"), "SourceUnreadable", /it is a pipe/)
  })
  it.live("a link to itself", () => {
    symlinkSync(path("round.mp4"), path("round.mp4"))
    return checkRefused(file("round.mp4"), "SourceUnreadable", /a link that leads back to itself/)
  })
  it.live("a socket", () =>
    Effect.acquireUseRelease(
      Effect.promise(
        () =>
          new Promise<SocketServer>((resolve) => {
            const server = createServer()
            server.listen(path("s.sock"), () => resolve(server))
          })
      ),
      () => checkRefused(file("s.sock"), "SourceUnreadable", /it is a socket/),
      (server) => Effect.promise(() => new Promise<void>((resolve) => server.close(() => resolve())))
    )
  )
  it.live("a name that is too long", () => checkRefused(file("x".repeat(300)), "SourceUnreadable", /name is too long/))
})

describe("a file that names other files", () => {
  const linking: Readonly<Record<string, string>> = {
    "list.mp4": "#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
    "concat.mp4": "ffconcat version 1.0\nfile /etc/passwd\n",
    "files.mp4": "file '/etc/passwd'\n",
    "session.mp4": "v=0\r\nc=IN IP4 127.0.0.1\r\n",
    "dash.mp4": '<?xml version="1.0"?><MPD></MPD>',
    "picture.png": '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "late.svg": `<svg><!--${"-".repeat(70_000)}--><image href="file:///etc/passwd"/></svg>`
  }
  for (const [name, text] of Object.entries(linking)) {
    it.live(name, () => {
      writeFileSync(path(name), text)
      return checkRefused(file(name), "UnsupportedMedia", /what it names is never opened/)
    })
  }
  it.live("a reference cut apart by the pieces it is read in", () =>
    Effect.gen(function* () {
      const start = "<svg><!--"
      for (let shift = 0; shift < 40; shift += 3) {
        const text = `${start}${"x".repeat(65_536 - start.length - 3 - shift)}--><image href="/etc/passwd"/></svg>`
        yield* checkRefused(streamOf(new TextEncoder().encode(text)), "UnsupportedMedia", /never opened/)
      }
    })
  )
  it.live("a vector picture without references is read", () => {
    writeFileSync(path("good.svg"), `<svg xmlns="http://www.w3.org/2000/svg"><rect id="a" width="1" height="1"/><use href="#a"/>${" ".repeat(70_000)}</svg>`)
    return within(file("good.svg"), (opened) => Effect.sync(() => expect(opened.kind).toMatchObject({ _tag: "Image", format: "svg" })))
  })
})

describe("a file", () => {
  for (const name of [
    "-y.mp4",
    "a:b.mp4",
    "%d.mp4",
    "new\nline.mp4",
    "quote'\"`$(x).png",
    "[0-9]*?.png",
    "file:x.png",
    " lead and trail ",
    "名前.png",
    "\u{1f600}.png",
    "pipe:0"
  ]) {
    it.live(`called ${JSON.stringify(name)}`, () => {
      writeFileSync(path(name), png)
      return within(file(name), (opened) =>
        Effect.gen(function* () {
          expect(opened.size).toBe(png.length)
          expect(yield* opened.bytes).toStrictEqual(png)
          expect(yield* opened.path).toBe(path(name))
          expect(opened.name).not.toContain("\n")
          expect(opened.kind).toMatchObject({ _tag: "Image", format: "png" })
        })
      )
    })
  }

  it.live("a text file called .png is called what it is", () => {
    writeFileSync(path("notes.png"), "remember the milk\n")
    return within(file("notes.png"), (opened) => Effect.sync(() => expect(opened.kind).toStrictEqual({ _tag: "Unknown", what: "plain text" })))
  })

  it.live("keeps its id until it is written to", () =>
    Effect.gen(function* () {
      writeFileSync(path("kept.png"), png)
      utimesSync(path("kept.png"), 1000, 1000)
      const id = within(file("kept.png"), (opened) => Effect.succeed(opened.contentId))
      const first = yield* id
      expect(yield* id).toBe(first)
      utimesSync(path("kept.png"), 1000, 1001)
      expect(yield* id).not.toBe(first)
    })
  )

  it.live("has another id under another path", () =>
    Effect.gen(function* () {
      writeFileSync(path("one.png"), png)
      writeFileSync(path("two.png"), png)
      const ids = yield* Effect.forEach(["one.png", "two.png"], (name) => within(file(name), (opened) => Effect.succeed(opened.contentId)))
      expect(ids[0]).not.toBe(ids[1])
    })
  )

  it.live("gives its first 64 KiB, and is refused whole beyond the bound", () => {
    const all = new Uint8Array(200_000)
    all.set(png)
    writeFileSync(path("large.png"), all)
    return within(
      file("large.png"),
      (opened) =>
        Effect.gen(function* () {
          expect(opened.head.length).toBe(65_536)
          const error = yield* Effect.flip(opened.bytes)
          expect(error).toMatchObject({ _tag: "LimitExceeded", limit: "bytes", needed: 200_000, allowed: 100_000 })
        }),
      { maxBytesInMemory: 100_000 }
    )
  })

  it.live("that shrank or went away since is an error, not a wait", () =>
    Effect.gen(function* () {
      writeFileSync(path("gone.png"), png)
      yield* within(file("gone.png"), (opened) =>
        Effect.gen(function* () {
          truncateSync(path("gone.png"))
          expect((yield* Effect.flip(opened.bytes)).message).toMatch(/it is empty/)
        })
      )
    })
  )

  it.live("leaves no file open", () =>
    Effect.gen(function* () {
      writeFileSync(path("closed.png"), png)
      for (let time = 0; time < 20; time++) yield* within(file("closed.png"), (opened) => opened.bytes)
      expect(openFiles(path(""))).toBe(0)
    })
  )

  it.live("a picture is asked for no streams", () => {
    writeFileSync(path("still.png"), png)
    return within(file("still.png"), (opened) =>
      Effect.gen(function* () {
        const tag = yield* Effect.flip(opened.streams) as Effect.Effect<OpenError> // fails before it needs ffmpeg
        expect(tag).toMatchObject({ _tag: "UnsupportedMedia" })
      })
    )
  })
})

describe("bytes", () => {
  it.live("none", () => checkRefused({ _tag: "Bytes", bytes: new Uint8Array(0) }, "SourceUnreadable", /it is empty/))
  it.live("become a temporary file when one is needed, once, for as long as the scope", () =>
    Effect.gen(function* () {
      const kept = yield* within({ _tag: "Bytes", bytes: png }, (opened) =>
        Effect.gen(function* () {
          expect(opened.name).toBe("116 bytes")
          expect(opened.contentId).toBe(createHash("sha256").update(png).digest("hex"))
          expect(temporaries()).toStrictEqual([])
          const [one, two] = yield* Effect.all([opened.path, opened.path], { concurrency: 2 })
          expect(one).toBe(two)
          expect(new Uint8Array(readFileSync(one))).toStrictEqual(png)
          expect(temporaries().length).toBe(1)
          return one
        })
      )
      expect(existsSync(kept)).toBe(false)
      expect(temporaries()).toStrictEqual([])
    })
  )
  it.live("no room for a temporary: an error that says so", () =>
    within(
      { _tag: "Bytes", bytes: png },
      (opened) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(opened.path)
          expect(error._tag).toBe("SourceUnreadable")
          expect(error.message).toMatch(/temporary copy could not be written/)
        }),
      { temporaryFolder: path("no such folder") }
    )
  )
})

describe("a byte stream", () => {
  const small = [png.subarray(0, 10), png.subarray(10)]
  it.live("stays in memory when it is small", () =>
    within(streamOf(...small), (opened) =>
      Effect.gen(function* () {
        expect(opened.name).toBe("116 bytes")
        expect(yield* opened.bytes).toStrictEqual(png)
        expect(temporaries()).toStrictEqual([])
      })
    )
  )
  it.live("goes to a temporary file when it is not, and can be read again", () =>
    Effect.gen(function* () {
      const pieces = Array.from({ length: 50 }, (_, at) => Uint8Array.from({ length: 1000 }, (_, place) => (at * 31 + place) & 255))
      pieces[0].set(png)
      const all = Buffer.concat(pieces)
      yield* within(
        streamOf(...pieces),
        (opened) =>
          Effect.gen(function* () {
            expect(temporaries().length).toBe(1)
            expect(opened.size).toBe(50_000)
            expect(opened.contentId).toBe(createHash("sha256").update(all).digest("hex"))
            for (let time = 0; time < 2; time++) expect(Buffer.from(yield* opened.bytes)).toStrictEqual(all)
            expect(readFileSync(yield* opened.path)).toStrictEqual(all)
          }),
        { spoolInMemory: 20_000 }
      )
      expect(temporaries()).toStrictEqual([])
    })
  )
  it.live("may use its buffer again", () => {
    const buffer = new Uint8Array(58)
    const reusing = Stream.map(Stream.rechunk(Stream.fromIterable([png.subarray(0, 58), png.subarray(58)]), 1), (piece) => {
      buffer.set(piece)
      return buffer
    })
    return within({ _tag: "ByteStream", bytes: reusing }, (opened) => Effect.map(opened.bytes, (bytes) => expect(bytes).toStrictEqual(png)))
  })
  it.live("empty", () => checkRefused(streamOf(), "SourceUnreadable", /it is empty/))
  it.live("endless: stopped at the bound", () =>
    Effect.gen(function* () {
      let given = 0
      const endless: Source = {
        _tag: "ByteStream",
        bytes: Stream.forever(
          Stream.sync(() => {
            given++
            return new Uint8Array(1000)
          })
        )
      }
      const error = yield* refused(endless, { maxBytes: 50_000, spoolInMemory: 10_000 })
      expect(error).toMatchObject({ _tag: "LimitExceeded", limit: "bytes", allowed: 50_000 })
      expect(given).toBeLessThanOrEqual(60)
      expect(temporaries()).toStrictEqual([])
    })
  )
  it.live("silent: stopped in time", () =>
    checkRefused(
      { _tag: "ByteStream", bytes: Stream.concat(Stream.succeed(png), Stream.never) },
      "SourceUnreadable",
      /gave nothing for 0\.05 seconds, after 116 bytes/,
      { idleMs: 50 }
    )
  )
  it.live("of text instead of bytes", () => {
    const text = Stream.succeed("abc") as unknown as Stream.Stream<Uint8Array> // what a Node Readable with an encoding gives
    return checkRefused({ _tag: "ByteStream", bytes: text }, "SourceUnreadable", /gave text instead of bytes/)
  })
  it.live("interrupted: its source is closed and nothing stays", () =>
    Effect.gen(function* () {
      let closed = false
      const bytes = Stream.concat(Stream.fromIterable([new Uint8Array(30_000), new Uint8Array(30_000)]), Stream.never).pipe(
        Stream.ensuring(
          Effect.sync(() => {
            closed = true
          })
        )
      )
      const fiber = yield* Effect.forkChild(
        Effect.scoped(openSource({ _tag: "ByteStream", bytes })).pipe(
          Effect.provideService(CurrentSourceLimits, { ...defaultSourceLimits, spoolInMemory: 10_000 })
        )
      )
      yield* Effect.sleep(50)
      expect(temporaries().length).toBe(1)
      yield* Fiber.interrupt(fiber)
      expect(closed).toBe(true)
      expect(temporaries()).toStrictEqual([])
      expect(openFiles(path(""))).toBe(0)
    })
  )
})

describe("a data: address", () => {
  const read = (url: string) => within({ _tag: "Url", url }, (opened) => opened.bytes)
  it.live("in base64", () =>
    Effect.map(read(`data:image/png;base64,${Buffer.from(png).toString("base64")}`), (bytes) => expect(Uint8Array.from(bytes)).toStrictEqual(png))
  )
  it.live("in base64 with percent signs", () =>
    Effect.map(read(`data:;base64,${encodeURIComponent(Buffer.from(png).toString("base64"))}`), (bytes) => expect(Uint8Array.from(bytes)).toStrictEqual(png))
  )
  it.live("with percent signs", () => Effect.map(read("DATA:text/plain,a%20b%zz%4"), (bytes) => expect(new TextDecoder().decode(bytes)).toBe("a b%zz%4")))
  it.live("in base64 of several slices, and with line breaks", () =>
    Effect.gen(function* () {
      const large = Buffer.alloc(3_000_001)
      for (let at = 0; at < large.length; at++) large[at] = ((at * 31) >> 2) & 255
      const text = large.toString("base64")
      expect(Buffer.from(yield* read(`data:;base64,${text}`)).equals(large)).toBe(true)
      expect(Buffer.from(yield* read(`data:;base64,${text.replace(/.{76}/g, "$&\n")}`)).equals(large)).toBe(true)
    })
  )
  it.live("without a comma", () => checkRefused({ _tag: "Url", url: "data:image/png;base64" }, "SourceUnreadable", /no comma/))
  it.live("empty", () => checkRefused({ _tag: "Url", url: "data:," }, "SourceUnreadable", /it is empty/))
  it.live("of no base64", () => checkRefused({ _tag: "Url", url: "data:;base64,####" }, "SourceUnreadable", /not base64/))
  it.live("beyond the bound", () =>
    checkRefused({ _tag: "Url", url: `data:;base64,${"A".repeat(4000)}` }, "LimitExceeded", /at most 1,000 bytes/, { maxBytesInMemory: 1000 })
  )
  it.live("of a playlist", () => checkRefused({ _tag: "Url", url: "data:,%23EXTM3U%0Ahttp://127.0.0.1/" }, "UnsupportedMedia", /never opened/))
})

describe("an address of another kind", () => {
  for (const url of ["file:///etc/passwd", "ftp://example.com/a.mp4", "concat:/etc/passwd", "rtsp://127.0.0.1/", "blob:abc", "not an address"]) {
    it.live(url, () => checkRefused({ _tag: "Url", url }, "AddressRefused", /only http:, https: and data:/))
  }
})

it.live("closing the scope twice over many sources leaves nothing", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    for (let time = 0; time < 10; time++) {
      const opened = yield* openSource({ _tag: "Bytes", bytes: png }).pipe(Scope.provide(scope))
      yield* opened.path
    }
    expect(temporaries().length).toBe(10)
    yield* Scope.close(scope, Exit.void)
    expect(temporaries()).toStrictEqual([])
  })
)
