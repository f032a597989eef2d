import { silenceTelemetry } from "../quiet-runtime.ts"
import { Effect } from "effect"
import { BackendFailure } from "../../core/errors.ts"
import { libraryPath } from "./library-path.ts"
import { apiVersion, bindApi } from "./ort-api.ts"
import type { Address, OrtApi, Status } from "./ort-api.ts"

/** Log severity "fatal": what goes wrong is returned as a status, and standard error belongs to the program. */
export const fatal = 4

/** ONNX Runtime's library, open for the life of the process, with what every graph shares. */
export interface OrtLibrary {
  readonly path: string
  readonly version: string
  readonly api: OrtApi
  readonly environment: Address
  /** Describes plain memory of this process. */
  readonly memory: Address
  readonly allocator: Address
  /** The address of an array's first byte; the array must be kept as long as native code uses it. */
  readonly addressOf: (array: NodeJS.TypedArray) => Address
  /** Reads a C string. */
  readonly stringAt: (address: Address) => string
  /** koffi's handle: when it is collected, the library is unmapped under the functions decoded from it. */
  readonly handle: unknown
}

/** The message of a status, which is released; undefined when the call went well. */
export const takeFault = (api: OrtApi, status: Status): string | undefined => {
  if (status === null) return undefined
  const message = api.getErrorMessage(status).trim()
  api.releaseStatus(status)
  return message
}

/** Throws the message of a failed call. */
export const must = (api: OrtApi, status: Status): void => {
  const fault = takeFault(api, status)
  if (fault !== undefined) throw new Error(fault)
}

/** Calls a function whose last parameter is an out pointer, and returns what it wrote. */
export const made = (api: OrtApi, call: (out: BigUint64Array) => Status): Address => {
  const out = new BigUint64Array(1)
  must(api, call(out))
  return out[0]
}

/** A C string; the caller keeps it while native code refers to it. */
export const cString = (text: string): Buffer => Buffer.from(`${text}\0`, "utf8")

/** A path as the library takes it: UTF-16 on Windows, UTF-8 elsewhere. */
export const cPath = (path: string): Buffer => Buffer.from(`${path}\0`, process.platform === "win32" ? "utf16le" : "utf8")

const open = async (): Promise<OrtLibrary> => {
  const { default: koffi } = await import("koffi")
  const path = libraryPath()
  const handle = koffi.load(path)
  const base: Address = handle.func("OrtGetApiBase", "void *", [])()
  const pointerBytes = 8
  const getVersion: () => string = koffi.decode(koffi.decode(base, pointerBytes, "void *"), koffi.proto("const char *", []))
  const version = getVersion()
  // Within major version 1 the table only grows; asking an older library for it would print to standard error.
  const [major, minor] = version.split(".").map(Number)
  if (major !== 1 || !(minor >= apiVersion))
    throw new Error(`ONNX Runtime ${version} at ${path} is not a version that is known here (1.${apiVersion} or later)`)
  const getApi: (version: number) => Address | null = koffi.decode(koffi.decode(base, 0, "void *"), koffi.proto("void *", ["uint32_t"]))
  const table = getApi(apiVersion)
  if (table === null) throw new Error(`ONNX Runtime ${version} at ${path} has no API version ${apiVersion}`)
  const api = bindApi((index, result, parameters) => koffi.decode(koffi.decode(table, index * pointerBytes, "void *"), koffi.proto(result, [...parameters])))
  return {
    path,
    version,
    api,
    handle,
    environment: made(api, (out) => api.createEnv(fatal, cString("sensorium"), out)),
    memory: made(api, (out) => api.createCpuMemoryInfo(0, 0, out)),
    allocator: made(api, (out) => api.getDefaultAllocator(out)),
    addressOf: (array) => koffi.address(array),
    stringAt: (address) => koffi.decode.string(address)
  }
}

// Opened once and never let go: see `handle`.
let library: Promise<OrtLibrary> | undefined

/** Opens the library that onnxruntime-node ships, once in the life of the process. Fails where it, or koffi, is missing or of an unknown version. */
export const openLibrary: Effect.Effect<OrtLibrary, BackendFailure> = Effect.suspend(() => {
  silenceTelemetry()
  library ??= open()
  const opening = library
  return Effect.tryPromise({
    try: () => opening,
    catch: (cause) =>
      new BackendFailure({
        stage: "load",
        graph: "onnxruntime",
        message: `ONNX Runtime's library cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`
      })
  })
})
