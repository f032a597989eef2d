import { Stream } from "effect"
import type { EmbeddingChunk } from "../core/embedding-chunk.ts"
import type { PlannedMedia } from "../core/media-plan.ts"

/** Rows that were encoded before, by the key of their plan: producer, content and settings. Least recently used goes first. */
export interface EncoderCache {
  /** The same rows, from the cache where they are there; else encoded, and kept when the stream ends and they fit. */
  readonly through: (planned: PlannedMedia) => PlannedMedia
  readonly bytes: () => number
  readonly has: (key: string) => boolean
  readonly clear: () => void
}

const bytesOf = ({ data, levels }: EmbeddingChunk): number => data.byteLength + levels.reduce((sum, level) => sum + level.byteLength, 0)

/** An empty cache of at most `maxBytes`. */
export const make = (maxBytes: number): EncoderCache => {
  // A Map keeps the order of insertion: the first key is the least recently used.
  const entries = new Map<string, { readonly chunks: ReadonlyArray<EmbeddingChunk>; readonly bytes: number }>()
  let total = 0
  const drop = (key: string) => {
    total -= entries.get(key)?.bytes ?? 0
    entries.delete(key)
  }
  const put = (key: string, chunks: ReadonlyArray<EmbeddingChunk>, bytes: number) => {
    drop(key)
    entries.set(key, { chunks, bytes })
    total += bytes
    for (const old of entries.keys()) {
      if (total <= maxBytes) break
      drop(old)
    }
  }
  const through = (planned: PlannedMedia): PlannedMedia => {
    const {
      encode,
      plan: { key, rows }
    } = planned
    const cached = Stream.suspend(() => {
      const hit = entries.get(key)
      if (hit !== undefined) {
        entries.delete(key)
        entries.set(key, hit)
        return Stream.fromIterable(hit.chunks).pipe(Stream.rechunk(1))
      }
      const chunks: Array<EmbeddingChunk> = []
      let [bytes, seen] = [0, 0]
      return encode.pipe(
        Stream.rechunk(1),
        Stream.map((chunk) => {
          bytes += bytesOf(chunk)
          seen += chunk.rows
          // What cannot be kept is not gathered either: memory stays bounded.
          if (bytes <= maxBytes) chunks.push(chunk)
          else chunks.length = 0
          if (seen === rows && bytes <= maxBytes) put(key, chunks, bytes)
          return chunk
        })
      )
    })
    return { ...planned, encode: cached }
  }
  return {
    through,
    bytes: () => total,
    has: (key) => entries.has(key),
    clear: () => {
      entries.clear()
      total = 0
    }
  }
}
