import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"

it.each(["c", "js"])("ONNX Runtime's own reporting stays off: no file of its appears (backend %s)", (backend) => {
  const folder = mkdtempSync(join(tmpdir(), "sensorium-telemetry-"))
  try {
    const program = `
      import { Effect, Layer } from "effect"
      import { layer } from ${JSON.stringify(join(import.meta.dirname, "../../src/backend/layer.ts"))}
      await Effect.runPromise(Effect.scoped(Layer.build(layer)))
      await new Promise((done) => setTimeout(done, 500))`
    execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: join(import.meta.dirname, "../.."),
      env: { ...process.env, ORT_DISABLE_TELEMETRY: undefined, SENSORIUM_BACKEND: backend, TMPDIR: folder, HOME: folder, XDG_CACHE_HOME: folder }
    })
    expect(readdirSync(folder)).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
