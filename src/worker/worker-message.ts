/** What is asked of the host: a function of a module, and its arguments. */
export interface WorkerRequest {
  readonly module: string
  readonly name: string
  readonly args: ReadonlyArray<unknown>
}

/** What the host answers; a missing module or function is told as a throw. */
export type WorkerReply = { readonly _tag: "Done"; readonly value: unknown } | { readonly _tag: "Threw"; readonly message: string }

/**
 * The buffers that `value` holds, to be handed over instead of copied: of typed arrays, and of typed arrays in plain objects and arrays, two
 * levels deep. Shared memory is not among them: it needs no handing over.
 */
export const ownedBuffers = (value: unknown): Array<ArrayBuffer> => {
  const found = new Set<ArrayBuffer>()
  const visit = (one: unknown, depth: number): void => {
    if (one instanceof ArrayBuffer) found.add(one)
    else if (ArrayBuffer.isView(one)) {
      if (one.buffer instanceof ArrayBuffer) found.add(one.buffer)
    } else if (depth > 0 && one !== null && typeof one === "object") for (const inner of Object.values(one)) visit(inner, depth - 1)
  }
  visit(value, 2)
  return [...found]
}
