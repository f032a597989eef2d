import { availableParallelism } from "node:os"

/** How a backend runs its graphs. */
export interface BackendSettings {
  /** Threads within one operator. Default: the machine's, at most 4. */
  readonly threads?: number
  /** Runs and loads in flight at once, 1 to 3. Default 3: one thread of Node's pool of four stays free for files, names and pictures. */
  readonly concurrency?: number
  /** Idle threads spin while a run goes on: faster where nothing else wants the processor. Default false. */
  readonly spinning?: boolean
}

/** Threads within one operator when nothing says otherwise. */
export const defaultThreads = (): number => Math.max(1, Math.min(4, availableParallelism()))
