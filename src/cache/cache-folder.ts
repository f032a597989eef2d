import { join } from "node:path"

/** The environment variable that names the cache folder. */
export const CACHE_VARIABLE = "SENSORIUM_CACHE_DIR"

/** What the cache folder follows from where no setting names it. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly platform: NodeJS.Platform
  readonly home: string
}

/** The cache folder: `SENSORIUM_CACHE_DIR`, else `sensorium` in the platform's own cache folder. */
export const defaultCacheFolder = ({ environment, home, platform }: Surroundings): string => {
  const named = environment[CACHE_VARIABLE]
  if (named !== undefined && named !== "") return named
  if (platform === "darwin") return join(home, "Library", "Caches", "sensorium")
  if (platform === "win32") return join(environment.LOCALAPPDATA || join(home, "AppData", "Local"), "sensorium", "Cache")
  return join(environment.XDG_CACHE_HOME || join(home, ".cache"), "sensorium")
}
