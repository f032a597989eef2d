/** The longest work that held the event loop. */
export interface LoopReport {
  /** Milliseconds of the thread's own processor time between two ticks: the longest single task is at most this. */
  readonly longestTaskMs: number
  /** Milliseconds by the clock: what a timer waited at the most, the machine's other work included. */
  readonly longestStallMs: number
}

/** Milliseconds of processor time that this thread has used. */
const cpuMs = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

/** Watches the event loop by a timer of a millisecond until it is stopped. */
export const watchEventLoop = (): { readonly stop: () => LoopReport } => {
  let [cpu, clock] = [cpuMs(), performance.now()]
  let [longestTaskMs, longestStallMs] = [0, 0]
  const look = () => {
    const [nowCpu, nowClock] = [cpuMs(), performance.now()]
    longestTaskMs = Math.max(longestTaskMs, nowCpu - cpu)
    longestStallMs = Math.max(longestStallMs, nowClock - clock - 1)
    cpu = nowCpu
    clock = nowClock
  }
  const timer = setInterval(look, 1)
  return {
    stop: () => {
      clearInterval(timer)
      look()
      return { longestTaskMs, longestStallMs }
    }
  }
}
