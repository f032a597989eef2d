import type { Port } from "../backend.ts"
import { dtypeOf } from "../element-type.ts"
import { freed, opened } from "../live-handles.ts"
import { made, must } from "./ort-library.ts"
import type { Address } from "./ort-api.ts"
import type { OrtLibrary } from "./ort-library.ts"

/** The name, element type and shape of each input or output of a session. Throws where one is no tensor, or of a type that no tensor here has. */
export const readPorts = (library: OrtLibrary, session: Address, kind: "input" | "output"): ReadonlyArray<Port> => {
  const { api, allocator } = library
  const [getCount, getName, getTypeInfo] =
    kind === "input"
      ? [api.sessionGetInputCount, api.sessionGetInputName, api.sessionGetInputTypeInfo]
      : [api.sessionGetOutputCount, api.sessionGetOutputName, api.sessionGetOutputTypeInfo]
  const count = Number(made(api, (out) => getCount(session, out)))
  return Array.from({ length: count }, (_, index): Port => {
    const address = made(api, (out) => getName(session, index, allocator, out))
    const name = library.stringAt(address)
    must(api, api.allocatorFree(allocator, address))
    const typeInfo = made(api, (out) => getTypeInfo(session, index, out))
    opened("typeInfos")
    try {
      // Belongs to the type info; null for sequences and maps.
      const tensorInfo = made(api, (out) => api.castTypeInfoToTensorInfo(typeInfo, out))
      if (tensorInfo === 0n) throw new Error(`${kind} "${name}" is not a tensor`)
      const elementType = new Int32Array(1)
      must(api, api.getTensorElementType(tensorInfo, elementType))
      const dtype = dtypeOf(elementType[0])
      if (dtype === undefined) throw new Error(`${kind} "${name}" has element type ${elementType[0]}, which no tensor here has`)
      const rank = Number(made(api, (out) => api.getDimensionsCount(tensorInfo, out)))
      const sides = new BigInt64Array(rank),
        names = new BigUint64Array(rank)
      if (rank > 0) {
        must(api, api.getDimensions(tensorInfo, sides, rank))
        must(api, api.getSymbolicDimensions(tensorInfo, names, rank))
      }
      return { name, dtype, shape: Array.from(sides, (side, axis) => (side >= 0n ? Number(side) : library.stringAt(names[axis]))) }
    } finally {
      api.releaseTypeInfo(typeInfo)
      freed("typeInfos")
    }
  })
}
