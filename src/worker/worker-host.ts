/**
 * The one file that every worker thread starts with. It imports the module that a request names, calls its function and answers. It imports
 * nothing heavy itself: a thread is up in some 40 ms.
 */
import { parentPort } from "node:worker_threads"
import { ownedBuffers, type WorkerReply, type WorkerRequest } from "./worker-message.ts"

const functionOf = async (request: WorkerRequest): Promise<(...args: ReadonlyArray<unknown>) => unknown> => {
  const module: { readonly [name: string]: unknown } = await import(request.module)
  const found = module[request.name]
  if (typeof found !== "function") throw new Error(`${request.module} exports no function ${request.name}`)
  return (...args) => found(...args)
}

const answer = async (request: WorkerRequest): Promise<WorkerReply> => {
  try {
    const run = await functionOf(request)
    return { _tag: "Done", value: await run(...request.args) }
  } catch (error) {
    return { _tag: "Threw", message: error instanceof Error ? error.message : String(error) }
  }
}

const port = parentPort
if (port === null) throw new Error("worker-host runs in a worker thread only")
port.on("message", (request: WorkerRequest) => {
  void answer(request).then((reply) => {
    try {
      port.postMessage(reply, reply._tag === "Done" ? ownedBuffers(reply.value) : [])
    } catch (error) {
      // A value that cannot be cloned: a mistake in the module, told like any other.
      const threw: WorkerReply = { _tag: "Threw", message: error instanceof Error ? error.message : String(error) }
      port.postMessage(threw)
    }
  })
})
