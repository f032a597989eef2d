import lockfile from "proper-lockfile"
import { Effect, Schedule, type Scope } from "effect"

/** A lock whose holder was not heard of for this long is free. */
const STALE_MS = 5000
/** How often a holder is heard of. */
const UPDATE_MS = 1000
/** Between two tries for a lock that another one holds. */
const RETRY = Schedule.spaced("30 millis")

const OPTIONS = { realpath: false, stale: STALE_MS, update: UPDATE_MS }

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "")

/** Held by another one, in this process or in another. */
export const isHeld = (error: unknown): boolean => codeOf(error) === "ELOCKED"

/** One try for the lock `<path>.lock`, held until the scope closes; the file itself need not exist. Fails with Node's error, or one that `isHeld` knows. */
export const tryLock = (path: string): Effect.Effect<void, unknown, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      // Losing the lock (the process slept) is no error: what it guards is put in place by one rename, whoever was first.
      try: () => lockfile.lock(path, { ...OPTIONS, onCompromised: () => {} }),
      catch: (error) => error
    }),
    (release) => Effect.promise(() => release().catch(() => {}))
  ).pipe(Effect.asVoid)

/** Waits for the lock. The waiting is Effect's: proper-lockfile's own leaks the lock when the waiter is interrupted. */
export const waitLock = (path: string): Effect.Effect<void, unknown, Scope.Scope> => tryLock(path).pipe(Effect.retry({ while: isHeld, schedule: RETRY }))

/** Marks something as in use until the scope closes: a lock that nobody waits for, taken again should the process have slept past its time. */
export const mark = (path: string): Effect.Effect<void, unknown, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const held = { release: (): Promise<void> => Promise.resolve(), over: false }
        const take = async (): Promise<void> => {
          held.release = await lockfile.lock(path, {
            ...OPTIONS,
            onCompromised: () => {
              if (!held.over) take().catch(() => {})
            }
          })
          // The scope closed while the mark was taken again.
          if (held.over) await held.release()
        }
        await take()
        return held
      },
      catch: (error) => error
    }),
    (held) =>
      Effect.promise(() => {
        held.over = true
        return held.release().catch(() => {})
      })
  ).pipe(Effect.asVoid)

/** Whether the lock of `path` is held by a live process. */
export const isLocked = (path: string): Effect.Effect<boolean> =>
  Effect.promise(() => lockfile.check(path, { realpath: false, stale: STALE_MS }).catch(() => true))
