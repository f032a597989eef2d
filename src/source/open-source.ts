import { Effect, Scope } from "effect"
import { AddressRefused, type LimitExceeded, type OpenError, SourceUnreadable, UnsupportedMedia } from "../core/errors.ts"
import type { Source } from "../core/source.ts"
import { hashBytes } from "./content-hash.ts"
import { readDataAddress } from "./data-address.ts"
import { GifFrames } from "./gif-frames.ts"
import { memoize } from "./memoize.ts"
import { fileReason, openPath, readAt, withFile } from "./open-path.ts"
import type { OpenedSource } from "./opened-source.ts"
import { probeStreams } from "./probe-streams.ts"
import { sniff, type SourceKind } from "./sniff.ts"
import { hasReference, linkingVector } from "./sniff-text.ts"
import { CurrentSourceLimits, type SourceLimits } from "./source-limits.ts"
import { byteCount } from "./source-name.ts"
import { spool, type Spooled, tooManyBytes } from "./spool.ts"
import { temporaryFile } from "./temporary-file.ts"

/** Bytes that tell what a source is. */
export const headBytes = 64 * 1024

/** Where the bytes are, once a source is open. */
type Content = { readonly _tag: "File"; readonly path: string } | { readonly _tag: "Memory"; readonly bytes: Uint8Array }

interface Opening {
  readonly name: string
  readonly size: number
  readonly contentId: string
  readonly content: Content
}

const emptySource = (name: string) => new SourceUnreadable({ stage: "open", source: name, message: `${name} cannot be read: it is empty` })

const wholeFile = (name: string, path: string, limits: SourceLimits): OpenedSource["bytes"] =>
  withFile(path, name, (handle, { size }): Effect.Effect<Uint8Array, SourceUnreadable | LimitExceeded> =>
    Number(size) > limits.maxBytesInMemory
      ? Effect.fail(tooManyBytes(name, Number(size), limits.maxBytesInMemory))
      : Effect.tryPromise({
          try: () => readAt(handle, 0, Number(size)),
          catch: (cause) => new SourceUnreadable({ stage: "open", source: name, message: `${name} cannot be read: ${fileReason(cause)}` })
        })
  )

/** Pieces of the content, one after the other, until `use` has seen enough. */
const walk = Effect.fnUntraced(function* (name: string, content: Content, use: (bytes: Uint8Array) => boolean) {
  if (content._tag === "Memory") {
    for (let at = 0; at < content.bytes.length && !use(content.bytes.subarray(at, at + headBytes)); at += headBytes) yield* Effect.yieldNow
    return
  }
  yield* withFile(content.path, name, (handle) =>
    Effect.gen(function* () {
      for (let at = 0; ; at += headBytes) {
        const bytes = yield* Effect.tryPromise({
          try: () => readAt(handle, at, headBytes),
          catch: (cause) => new SourceUnreadable({ stage: "open", source: name, message: `${name} cannot be read: ${fileReason(cause)}` })
        })
        if (bytes.length === 0 || use(bytes)) return
      }
    })
  )
})

/** What the first bytes say, and where those do not settle it, the bytes after them. */
const kindOf = Effect.fnUntraced(function* ({ content, name, size }: Opening, head: Uint8Array): Effect.fn.Return<SourceKind, SourceUnreadable> {
  const kind = sniff(head)
  if (kind._tag !== "Image") return kind
  if (kind.format === "gif") {
    const frames = new GifFrames()
    yield* walk(name, content, (bytes) => {
      frames.push(bytes)
      return frames.frames > 1 || frames.ended
    })
    return frames.frames > 1 ? { ...kind, what: "a moving GIF", moving: true } : kind
  }
  if (kind.format === "svg" && size > head.length) {
    // A reference may stand anywhere; the pieces overlap so that none is cut apart.
    const decoder = new TextDecoder()
    let before = ""
    let found = false
    yield* walk(name, content, (bytes) => {
      const text = before + decoder.decode(bytes, { stream: true })
      found = hasReference(text)
      before = text.slice(-256)
      return found
    })
    return found ? linkingVector : kind
  }
  return kind
})

const fromSpooled = (name: string, { content, hash, size }: Spooled): Opening => ({ name, size, contentId: hash, content })

const openBytes = Effect.fnUntraced(function* (name: string, bytes: Uint8Array) {
  const opening: Opening = { name, size: bytes.length, contentId: yield* hashBytes(bytes), content: { _tag: "Memory", bytes } }
  return opening
})

const begin = Effect.fnUntraced(function* (source: Source, limits: SourceLimits): Effect.fn.Return<Opening, OpenError, Scope.Scope> {
  switch (source._tag) {
    case "Path": {
      const { contentId, name, path, size } = yield* openPath(source.path, 0)
      return { name, size, contentId, content: { _tag: "File", path } }
    }
    case "Bytes":
      return yield* openBytes(byteCount(source.bytes.length), source.bytes)
    case "ByteStream": {
      const spooled = yield* spool("byte stream", source.bytes, limits)
      return fromSpooled(byteCount(spooled.size), spooled)
    }
    case "Url": {
      if (/^data:/i.test(source.url)) {
        const bytes = yield* readDataAddress(source.url, limits)
        return yield* openBytes(`data: address of ${byteCount(bytes.length)}`, bytes)
      }
      if (!/^https?:/i.test(source.url)) {
        const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(source.url)?.[0] ?? "no scheme"
        return yield* new AddressRefused({
          stage: "open",
          source: "address",
          address: source.url.slice(0, 200),
          message: `address is refused: ${scheme} is not read, only http:, https: and data:`
        })
      }
      // Loaded when it is needed: the HTTP client takes a while to start.
      const { fetchAddress } = yield* Effect.promise(() => import("./fetch-address.ts"))
      const spooled = yield* fetchAddress(source.url, limits)
      return fromSpooled(spooled.name, spooled)
    }
  }
})

/**
 * Opens a source: checks that it can be read, within bounds (`CurrentSourceLimits`), and says from its first bytes what it is. Files that
 * name other files or addresses (playlists, lists, manifests, vector pictures with references) fail with `UnsupportedMedia`, never followed.
 * The scope owns temporary copies.
 */
export const openSource = Effect.fnUntraced(function* (source: Source): Effect.fn.Return<OpenedSource, OpenError, Scope.Scope> {
  const limits = yield* CurrentSourceLimits
  const scope = yield* Effect.scope
  const opening = yield* begin(source, limits)
  const { content, contentId, name, size } = opening
  if (size === 0) return yield* emptySource(name)
  const head = content._tag === "Memory" ? content.bytes.subarray(0, headBytes) : (yield* openPath(content.path, headBytes)).head
  const kind = yield* kindOf(opening, head)
  if (kind._tag === "Linking") {
    return yield* new UnsupportedMedia({ stage: "open", source: name, modality: "unknown", message: `${name} is ${kind.what}: what it names is never opened` })
  }
  const path =
    content._tag === "File"
      ? Effect.succeed(content.path)
      : memoize(
          Effect.gen(function* () {
            const file = yield* temporaryFile(name, limits)
            yield* file.append(content.bytes)
            yield* file.close
            return file.path
          })
        ).pipe(Effect.provideService(Scope.Scope, scope))
  const demuxer = kind._tag === "Unknown" ? undefined : kind.demuxer
  return {
    name,
    size,
    head,
    kind,
    contentId,
    path,
    bytes: content._tag === "Memory" ? Effect.succeed(content.bytes) : wholeFile(name, content.path, limits),
    streams:
      demuxer === undefined
        ? Effect.fail(new UnsupportedMedia({ stage: "open", source: name, modality: "unknown", message: `${name} is ${kind.what}: neither a film nor sound` }))
        : memoize(Effect.flatMap(path, (local) => probeStreams({ name, path: local, demuxer })))
  }
})
