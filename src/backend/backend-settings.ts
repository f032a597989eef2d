import { availableParallelism } from "node:os"

/** How a backend runs its graphs. */
export interface BackendSettings {
  /** Threads within one operator. Default: the machine's, at most 4. */
  readonly threads?: number
  /** Runs and loads in flight at once, 1 to 3. Default 3: one thread of Node's pool of four stays free for files, names and pictures. */
  readonly concurrency?: number
  /**
   * Microseconds for which a graph's idle threads spin before they sleep; 0 for none. Default 20: decoding on two idle cores took 3.6 ms a step against 4.7
   * with none and 4.4 with ONNX Runtime's own, beside one busy program 14.8 against 11.1 and 27.9.
   */
  readonly spinMicroseconds?: number
}

/** ONNX Runtime's session entries for the spinning that is asked for. */
export const spinEntries = (settings: BackendSettings): Readonly<Record<string, string>> => {
  const microseconds = settings.spinMicroseconds ?? 20
  return microseconds === 0
    ? { "session.intra_op.allow_spinning": "0" }
    : { "session.intra_op.allow_spinning": "1", "session.intra_op.spin_duration_us": String(microseconds) }
}

/** Threads within one operator when nothing says otherwise. */
export const defaultThreads = (): number => Math.max(1, Math.min(4, availableParallelism()))
