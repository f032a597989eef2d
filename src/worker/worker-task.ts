/**
 * A function that runs in a worker: where its module is, and the name it is exported under. `Args` and `A` are what it takes and
 * gives; both cross as structured clones, so they are plain data and typed arrays.
 */
export interface WorkerTask<in Args extends ReadonlyArray<unknown>, out A> {
  /** File address of the module. */
  readonly module: string
  /** Name of the exported function. */
  readonly name: string
  /** Carries the types; never set. */
  readonly run?: (...args: Args) => A
}

type Fn = (...args: Array<never>) => unknown

/**
 * The address of a module beside the caller's. Sources are `.ts` and built files are `.js`, and tsc leaves addresses as they are, so the
 * extension follows `base` (the caller's `import.meta.url`).
 */
export const moduleBeside = (path: string, base: string): URL => new URL(base.endsWith(".ts") ? path : path.replace(/\.ts$/, ".js"), base)

/**
 * Names a function of a worker module, with its types:
 * `workerTask<typeof import("./resize.worker.ts")>()("./resize.worker.ts", import.meta.url, "resizeImage")`.
 * The module must not import what the main thread should not load twice; the function may be async. Arrays in what it gives
 * are handed over, not copied, so it must not keep them.
 */
export const workerTask =
  <Module extends { readonly [name: string]: unknown }>() =>
  <Name extends keyof Module & string>(
    path: string,
    base: string,
    name: Name
  ): WorkerTask<Module[Name] extends Fn ? Parameters<Module[Name]> : never, Module[Name] extends Fn ? Awaited<ReturnType<Module[Name]>> : never> => ({
    module: moduleBeside(path, base).href,
    name
  })
