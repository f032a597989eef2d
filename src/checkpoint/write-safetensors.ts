import { randomUUID } from "node:crypto"
import { open, rename, rm } from "node:fs/promises"
import { Effect } from "effect"
import type { CacheUnwritable } from "../core/errors.ts"
import { writing } from "../core/writing.ts"
import { sizeOf, type Tensor } from "../tensor/tensor.ts"
import { PIECE_BYTES } from "./file-bytes.ts"
import { placeOf, safetensorsTypeOf } from "./safetensors-type.ts"

const encodeHeader = (tensors: ReadonlyArray<readonly [string, Tensor]>, metadata: Readonly<Record<string, string>>): Uint8Array => {
  let offset = 0
  const entries = tensors.map(([name, { data, dtype, shape }]) => {
    const from = offset
    offset += data.byteLength
    return [name, { dtype: safetensorsTypeOf[dtype], shape, data_offsets: [from, offset] }] as const
  })
  const described = Object.keys(metadata).length === 0 ? entries : [["__metadata__", metadata] as const, ...entries]
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(described)))
  // Padded with spaces, so that the tensors begin at a multiple of eight.
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true)
  header.set(json, 8)
  return header
}

/**
 * Writes tensors as a safetensors file: beside `path` first, then renamed onto it, so that a file of that name is always whole. The order is the reference
 * implementation's: by type, then by name. `CacheUnwritable`: no room, no right, no such folder.
 */
export const writeSafetensors = (
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {}
): Effect.Effect<void, CacheUnwritable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const ordered = Object.entries(tensors).sort(([a, x], [b, y]) => placeOf(x.dtype) - placeOf(y.dtype) || (a < b ? -1 : 1))
      for (const [name, { data, shape }] of ordered) {
        if (data.length !== sizeOf(shape)) throw new Error(`writeSafetensors: tensor ${name} of shape [${shape.join(", ")}] holds ${data.length} elements`)
      }
      const temporary = `${path}.${randomUUID()}.part`
      const header = encodeHeader(ordered, metadata)
      const needed = header.length + ordered.reduce((bytes, [, { data }]) => bytes + data.byteLength, 0)
      const write = <A>(promise: () => Promise<A>) => writing("load", path, promise, needed)
      const handle = yield* Effect.acquireRelease(
        write(() => open(temporary, "wx")),
        (opened) =>
          Effect.promise(async () => {
            await opened.close().catch(() => {})
            // Already renamed where all went well.
            await rm(temporary, { force: true }).catch(() => {})
          })
      )
      for (const bytes of [header, ...ordered.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))]) {
        for (let done = 0; done < bytes.length;) {
          done += (yield* write(() => handle.write(bytes, done, Math.min(PIECE_BYTES, bytes.length - done)))).bytesWritten
        }
      }
      yield* write(() => handle.sync())
      yield* write(() => rename(temporary, path))
    })
  )
