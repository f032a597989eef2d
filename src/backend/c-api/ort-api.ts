/** A native address; null is C's null. */
export type Address = bigint

/** What a pointer parameter takes: an address, or an array whose memory native code may use during the call. */
export type Pointer = Address | NodeJS.TypedArray | null

/** What most functions return: null, or an `OrtStatus` that its reader must release. */
export type Status = Address | null

/** A native function that can also be called on Node's thread pool. */
export interface Native<Parameters extends ReadonlyArray<unknown>, Result> {
  (...parameters: Parameters): Result
  readonly async: (...parameters: [...Parameters, (error: unknown, result: Result) => void]) => void
}

/**
 * The functions of ONNX Runtime's C API that are used here. Parameters are those of `onnxruntime_c_api.h`; every out parameter is an array of one
 * element. Names and values are handed over as arrays of addresses, which costs koffi nothing to convert.
 */
export interface OrtApi {
  readonly getErrorMessage: Native<[status: Address], string>
  readonly createEnv: Native<[severity: number, id: Pointer, out: BigUint64Array], Status>
  readonly createSession: Native<[env: Address, path: Pointer, options: Address, out: BigUint64Array], Status>
  readonly createSessionFromArray: Native<[env: Address, bytes: Pointer, length: number, options: Address, out: BigUint64Array], Status>
  readonly run: Native<
    [session: Address, options: Address, inputNames: Pointer, inputs: Pointer, inputCount: number, outputNames: Pointer, outputCount: number, outputs: Pointer],
    Status
  >
  readonly createSessionOptions: Native<[out: BigUint64Array], Status>
  readonly disableMemPattern: Native<[options: Address], Status>
  readonly disableCpuMemArena: Native<[options: Address], Status>
  readonly setSessionLogSeverityLevel: Native<[options: Address, severity: number], Status>
  readonly setGraphOptimizationLevel: Native<[options: Address, level: number], Status>
  readonly setIntraOpThreads: Native<[options: Address, threads: number], Status>
  readonly sessionGetInputCount: Native<[session: Address, out: BigUint64Array], Status>
  readonly sessionGetOutputCount: Native<[session: Address, out: BigUint64Array], Status>
  readonly sessionGetInputTypeInfo: Native<[session: Address, index: number, out: BigUint64Array], Status>
  readonly sessionGetOutputTypeInfo: Native<[session: Address, index: number, out: BigUint64Array], Status>
  readonly sessionGetInputName: Native<[session: Address, index: number, allocator: Address, out: BigUint64Array], Status>
  readonly sessionGetOutputName: Native<[session: Address, index: number, allocator: Address, out: BigUint64Array], Status>
  readonly createRunOptions: Native<[out: BigUint64Array], Status>
  readonly runOptionsSetLogSeverity: Native<[options: Address, severity: number], Status>
  readonly runOptionsSetTerminate: Native<[options: Address], Status>
  readonly runOptionsUnsetTerminate: Native<[options: Address], Status>
  readonly createTensorWithData: Native<
    [memory: Address, data: Pointer, bytes: number, shape: BigInt64Array, rank: number, elementType: number, out: BigUint64Array],
    Status
  >
  readonly castTypeInfoToTensorInfo: Native<[info: Address, out: BigUint64Array], Status>
  readonly getTensorElementType: Native<[info: Address, out: Int32Array], Status>
  readonly getDimensionsCount: Native<[info: Address, out: BigUint64Array], Status>
  readonly getDimensions: Native<[info: Address, out: BigInt64Array, count: number], Status>
  readonly getSymbolicDimensions: Native<[info: Address, out: BigUint64Array, count: number], Status>
  readonly createCpuMemoryInfo: Native<[allocatorType: number, memoryType: number, out: BigUint64Array], Status>
  readonly allocatorFree: Native<[allocator: Address, memory: Address], Status>
  readonly getDefaultAllocator: Native<[out: BigUint64Array], Status>
  readonly releaseStatus: Native<[status: Address], void>
  readonly releaseSession: Native<[session: Address], void>
  readonly releaseValue: Native<[value: Address], void>
  readonly releaseRunOptions: Native<[options: Address], void>
  readonly releaseTypeInfo: Native<[info: Address], void>
  readonly releaseSessionOptions: Native<[options: Address], void>
  readonly addSessionConfigEntry: Native<[options: Address, key: Pointer, value: Pointer], Status>
  readonly setLoadCancellation: Native<[options: Address, cancel: boolean], Status>
}

/** Makes the function that stands at an index of `struct OrtApi`; what koffi decodes has no static type. */
export type FunctionAt = (index: number, result: string, parameters: ReadonlyArray<string>) => ReturnType<typeof import("koffi").decode>

/** The API version that is asked for: a library answers it with a table that has at least these functions at these places, or with null. */
export const apiVersion = 24

const status = "void *",
  pointer = "void *",
  size = "size_t",
  int = "int"

/** Decodes the functions used, each by its index in `struct OrtApi` of `onnxruntime_c_api.h` (which only ever grows at its end). */
export const bindApi = (at: FunctionAt): OrtApi => ({
  getErrorMessage: at(2, "const char *", [pointer]),
  createEnv: at(3, status, [int, pointer, pointer]),
  createSession: at(7, status, [pointer, pointer, pointer, pointer]),
  createSessionFromArray: at(8, status, [pointer, pointer, size, pointer, pointer]),
  run: at(9, status, [pointer, pointer, pointer, pointer, size, pointer, size, pointer]),
  createSessionOptions: at(10, status, [pointer]),
  disableMemPattern: at(17, status, [pointer]),
  disableCpuMemArena: at(19, status, [pointer]),
  setSessionLogSeverityLevel: at(22, status, [pointer, int]),
  setGraphOptimizationLevel: at(23, status, [pointer, int]),
  setIntraOpThreads: at(24, status, [pointer, int]),
  sessionGetInputCount: at(30, status, [pointer, pointer]),
  sessionGetOutputCount: at(31, status, [pointer, pointer]),
  sessionGetInputTypeInfo: at(33, status, [pointer, size, pointer]),
  sessionGetOutputTypeInfo: at(34, status, [pointer, size, pointer]),
  sessionGetInputName: at(36, status, [pointer, size, pointer, pointer]),
  sessionGetOutputName: at(37, status, [pointer, size, pointer, pointer]),
  createRunOptions: at(39, status, [pointer]),
  runOptionsSetLogSeverity: at(41, status, [pointer, int]),
  runOptionsSetTerminate: at(46, status, [pointer]),
  runOptionsUnsetTerminate: at(47, status, [pointer]),
  createTensorWithData: at(49, status, [pointer, pointer, size, pointer, size, int, pointer]),
  castTypeInfoToTensorInfo: at(55, status, [pointer, pointer]),
  getTensorElementType: at(60, status, [pointer, pointer]),
  getDimensionsCount: at(61, status, [pointer, pointer]),
  getDimensions: at(62, status, [pointer, pointer, size]),
  getSymbolicDimensions: at(63, status, [pointer, pointer, size]),
  createCpuMemoryInfo: at(69, status, [int, int, pointer]),
  allocatorFree: at(76, status, [pointer, pointer]),
  getDefaultAllocator: at(78, status, [pointer]),
  releaseStatus: at(93, "void", [pointer]),
  releaseSession: at(95, "void", [pointer]),
  releaseValue: at(96, "void", [pointer]),
  releaseRunOptions: at(97, "void", [pointer]),
  releaseTypeInfo: at(98, "void", [pointer]),
  releaseSessionOptions: at(100, "void", [pointer]),
  addSessionConfigEntry: at(130, status, [pointer, pointer, pointer]),
  setLoadCancellation: at(293, status, [pointer, "bool"])
})
