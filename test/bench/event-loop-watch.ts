import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks"

/** The longest work that held the event loop. */
export interface LoopReport {
  /** Milliseconds of the thread's own processor time between two ticks without a garbage collection: the longest single task is at most this. */
  readonly longestTaskMs: number
  /** The same over all ticks: with what V8's collector did on the thread. */
  readonly longestTickMs: number
  /** Milliseconds by the clock: what a timer waited at the most, the machine's other work included. */
  readonly longestStallMs: number
}

/** Milliseconds of processor time that this thread has used. */
const cpuMs = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

/** Ticks shorter than this need no looking at. */
const SHORT_MS = 1

/** Watches the event loop by a timer of a millisecond until it is stopped. */
export const watchEventLoop = (): { readonly stop: () => LoopReport } => {
  const collections: Array<readonly [from: number, to: number]> = []
  const note = (entries: ReadonlyArray<PerformanceEntry>) => {
    for (const { duration, startTime } of entries) collections.push([startTime, startTime + duration])
  }
  const observer = new PerformanceObserver((list) => note(list.getEntries()))
  observer.observe({ entryTypes: ["gc"] })
  const ticks: Array<{ readonly from: number; readonly to: number; readonly cpu: number }> = []
  let [cpu, clock] = [cpuMs(), performance.now()]
  let longestStallMs = 0
  const look = () => {
    const [nowCpu, nowClock] = [cpuMs(), performance.now()]
    if (nowCpu - cpu > SHORT_MS) ticks.push({ from: clock, to: nowClock, cpu: nowCpu - cpu })
    longestStallMs = Math.max(longestStallMs, nowClock - clock - 1)
    cpu = nowCpu
    clock = nowClock
  }
  const timer = setInterval(look, 1)
  const longest = (of: typeof ticks) => of.reduce((most, tick) => Math.max(most, tick.cpu), 0)
  return {
    stop: () => {
      clearInterval(timer)
      look()
      note(observer.takeRecords())
      observer.disconnect()
      const ours = ticks.filter(({ from, to }) => !collections.some(([start, end]) => start < to && end > from))
      return { longestTaskMs: longest(ours), longestTickMs: longest(ticks), longestStallMs }
    }
  }
}
