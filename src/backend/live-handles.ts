/** Native things that are open now, by kind. All are zero once every scope has closed. */
export interface LiveHandles {
  readonly sessions: number
  readonly sessionOptions: number
  readonly runOptions: number
  readonly values: number
  readonly typeInfos: number
  /** Runs and loads that native code is at now. */
  readonly calls: number
}

const live = { sessions: 0, sessionOptions: 0, runOptions: 0, values: 0, typeInfos: 0, calls: 0 }

/** Counts one native thing of a kind as opened. */
export const opened = (kind: keyof LiveHandles): void => {
  live[kind]++
}

/** Counts one native thing of a kind as freed. */
export const freed = (kind: keyof LiveHandles): void => {
  live[kind]--
}

/** What both backends hold open in this thread now, by kind (for tests of ownership). */
export const liveHandles = (): LiveHandles => ({ ...live })
