import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^sensorium$/, replacement: path("src/index.ts") },
      { find: /^sensorium\/effect$/, replacement: path("src/effect.ts") }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/sizes/**"],
    globalSetup: ["test/ground/build-package.ts"],
    reporters: ["default", "./test/count-reporter.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000
  }
})
