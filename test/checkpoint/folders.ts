import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"

/** A temporary folder that goes with its scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sensorium-test-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
)

/** The bytes of a safetensors file: a header (text or an object), then `data` bytes of zeros. */
export const safetensorsBytes = (header: unknown, data = 0): Uint8Array => {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + data)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

/** Writes a file below a folder. */
export const write = (folder: string, name: string, content: string | Uint8Array): Effect.Effect<string> =>
  Effect.promise(async () => {
    await writeFile(join(folder, name), content)
    return join(folder, name)
  })
