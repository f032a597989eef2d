import type { Reporter, SerializedError, TestModule } from "vitest/node"

/** Prints the run's last line: `N passed, N failed`. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<SerializedError>): void {
    let [passed, failed, skipped] = [0, errors.length, 0]
    for (const module of modules) {
      const states = [...module.children.allTests()].map((test) => test.result().state)
      passed += states.filter((state) => state === "passed").length
      failed += states.filter((state) => state === "failed").length
      skipped += states.filter((state) => state !== "passed" && state !== "failed").length
      // A module that did not load has no failed test of its own.
      if (module.state() === "failed" && !states.includes("failed")) failed++
    }
    const note = skipped > 0 ? `${skipped} skipped\n` : ""
    process.on("exit", () => process.stdout.write(`${note}${passed} passed, ${failed} failed\n`))
  }
}
