import { describe, expect, it } from "@effect/vitest"
import { defaultCacheFolder } from "../../src/cache/cache-folder.ts"

describe("the cache folder", () => {
  const home = "/home/ann"
  it("is what the environment says", () => {
    for (const platform of ["linux", "darwin", "win32"] as const) {
      expect(defaultCacheFolder({ platform, home, environment: { SENSORIUM_CACHE_DIR: "/big/disk", XDG_CACHE_HOME: "/x", LOCALAPPDATA: "/y" } })).toBe(
        "/big/disk"
      )
    }
  })

  it("is else in the platform's own cache folder; an empty variable says nothing", () => {
    expect(defaultCacheFolder({ platform: "linux", home, environment: { SENSORIUM_CACHE_DIR: "" } })).toBe("/home/ann/.cache/sensorium")
    expect(defaultCacheFolder({ platform: "linux", home, environment: { XDG_CACHE_HOME: "/x" } })).toBe("/x/sensorium")
    expect(defaultCacheFolder({ platform: "freebsd", home, environment: { XDG_CACHE_HOME: "" } })).toBe("/home/ann/.cache/sensorium")
    expect(defaultCacheFolder({ platform: "darwin", home, environment: { XDG_CACHE_HOME: "/x" } })).toBe("/home/ann/Library/Caches/sensorium")
    expect(defaultCacheFolder({ platform: "win32", home, environment: { LOCALAPPDATA: "/local" } })).toBe("/local/sensorium/Cache")
    expect(defaultCacheFolder({ platform: "win32", home, environment: {} })).toBe("/home/ann/AppData/Local/sensorium/Cache")
  })
})
