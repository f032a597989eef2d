import { Effect } from "effect"

/** The engine, imported when a command needs it: help, the version and wrong calls answer without it. */
export const engine = Effect.promise(() => import("../face/sensorium.ts"))

/** The golden ladder, imported when it is climbed. */
export const ladder = Effect.promise(() => import("../verify/verify-folder.ts"))

/** What a model runs on, imported when it is compiled or climbed. */
export const loading = Effect.promise(() => import("../face/load-model.ts"))
