import { defineConfig } from "vitest/config"

/** The heavy tests of real sizes: `npm run test:sizes`. Not part of `npm test`. */
export default defineConfig({
  test: {
    include: ["test/sizes/**/*.sizes.ts"],
    reporters: ["default", "./test/count-reporter.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 1_800_000,
    hookTimeout: 1_800_000
  }
})
