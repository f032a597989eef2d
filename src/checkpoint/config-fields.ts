import { Effect, Schema } from "effect"
import { CheckpointUnreadable } from "../core/errors.ts"

/** A whole number, `value` where the file does not say. */
export const int = (value: number) => Schema.Int.pipe(Schema.withDecodingDefault(Effect.succeed(value)))

/** A finite number, `value` where the file does not say. */
export const number = (value: number) => Schema.Finite.pipe(Schema.withDecodingDefault(Effect.succeed(value)))

/** True or false, `value` where the file does not say. */
export const flag = (value: boolean) => Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(value)))

/** Words, `value` where the file does not say. */
export const text = (value: string) => Schema.String.pipe(Schema.withDecodingDefault(Effect.succeed(value)))

/** Whole numbers, `values` where the file does not say. */
export const ints = (...values: ReadonlyArray<number>) => Schema.Array(Schema.Int).pipe(Schema.withDecodingDefault(Effect.succeed(values)))

/** Finite numbers, `values` where the file does not say. */
export const numbers = (...values: ReadonlyArray<number>) => Schema.Array(Schema.Finite).pipe(Schema.withDecodingDefault(Effect.succeed(values)))

/** An object, or an empty one for anything else. */
export const record = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === "object" && value !== null ? { ...value } : {})

/** Reads a part of a checkpoint's JSON by its schema. Fails with `CheckpointUnreadable` that names `path` and the field. */
export const decodeConfig = <S extends Schema.Codec<unknown, unknown>>(
  schema: S,
  value: unknown,
  path: string
): Effect.Effect<S["Type"], CheckpointUnreadable> =>
  Effect.mapError(Schema.decodeUnknownEffect(schema)(value), (error) => new CheckpointUnreadable({ stage: "load", path, message: `${path}: ${error.message}` }))
