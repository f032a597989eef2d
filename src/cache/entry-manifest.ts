import { open, readdir, readFile, stat } from "node:fs/promises"
import { join, relative, sep } from "node:path"
import { Effect, Option, Schema } from "effect"

/** The file that makes an entry complete: written last, its modification time is when the entry was last used. */
export const MANIFEST = "entry.json"

const Manifest = Schema.fromJsonString(Schema.Struct({ label: Schema.String, files: Schema.Record(Schema.String, Schema.Int) }))

/** What a complete entry holds: a name for people, and each file's length in bytes. */
export type Manifest = typeof Manifest.Type

/** Every file below a folder, with its length; paths are relative, with slashes. */
export const filesBelow = async (folder: string): Promise<Readonly<Record<string, number>>> => {
  const files: Record<string, number> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue
    const path = join(entry.parentPath, entry.name)
    files[relative(folder, path).split(sep).join("/")] = (await stat(path)).size
  }
  return files
}

const synced = async (path: string, text?: string): Promise<void> => {
  const file = await open(path, text === undefined ? "r" : "w")
  try {
    if (text !== undefined) await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes what lies in the folder last: every file reaches the disk, then the manifest that lists them. */
export const seal = async (folder: string, label: string): Promise<void> => {
  const { [MANIFEST]: _, ...files } = await filesBelow(folder)
  for (const name of Object.keys(files)) await synced(join(folder, name))
  await synced(join(folder, MANIFEST), Schema.encodeSync(Manifest)({ label, files }))
}

/** The manifest of an entry that is whole: it can be read, and every file that it lists has its length. */
export const manifestOf = (folder: string): Effect.Effect<Option.Option<Manifest>> =>
  Effect.gen(function* () {
    const text = yield* Effect.tryPromise(() => readFile(join(folder, MANIFEST), "utf8"))
    const manifest = yield* Schema.decodeEffect(Manifest)(text)
    for (const [name, size] of Object.entries(manifest.files)) {
      const found = yield* Effect.tryPromise(() => stat(join(folder, name)))
      if (found.size !== size) return Option.none()
    }
    return Option.some(manifest)
  }).pipe(Effect.catch(() => Effect.succeedNone))
