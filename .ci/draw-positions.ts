/**
 * Draws docs/positions.svg from the real plan of the demo clip: rows along the prompt, coloured by modality, with their three position axes.
 * `node .ci/draw-positions.ts`; a test checks that the picture is current.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { rowTable } from "../src/core/prompt-layout.ts"
import { loadModel, services } from "../src/face/load-model.ts"
import { video } from "../src/face/media-values.ts"
import { plan as planPrompt } from "../src/session/ask.ts"
import { openPrompt } from "../src/session/open-prompt.ts"

const root = join(import.meta.dirname, "..")
const colours: Readonly<Record<string, string>> = { text: "#6b7280", video: "#2563eb", audio: "#d97706" }
const axes = ["time", "height", "width"]

/** The picture, as SVG. */
export const drawPositions = async (): Promise<string> => {
  const { modalities, positions } = await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const model = yield* loadModel()
        const prompt = yield* openPrompt([
          { role: "user", content: [video(join(root, "examples/media/demo.mp4")), "Is the word said before or after the square appears?"] }
        ])
        const planned = yield* planPrompt(model, prompt)
        const table = rowTable(planned.plan.layout)
        return {
          positions: planned.positions,
          modalities: Array.from(table.media, (media) => (media === -1 ? "text" : planned.plan.media[media].plan.modality))
        }
      })
    ).pipe(Effect.provide(services()))
  )
  const rows = modalities.length
  const most = positions.ids.reduce((largest, id) => Math.max(largest, id), 0)
  const [width, height, left, gap] = [900, 190, 60, 40]
  const x = (row: number) => (left + (row / rows) * (width - left - 20)).toFixed(1)
  const panels = axes.map((axis, a) => {
    const top = 30 + a * (height + gap)
    const y = (id: number) => (top + height - (id / most) * height).toFixed(1)
    const dots = Object.entries(colours)
      .map(([name, colour]) => {
        const own = modalities.flatMap((modality, row) => (modality === name ? [`M${x(row)} ${y(positions.ids[a * rows + row])}h2`] : []))
        return `<path d="${own.join("")}" stroke="${colour}" stroke-width="2"/>`
      })
      .join("\n")
    return `<text x="${left}" y="${top - 8}">position on the ${axis} axis</text>
<path d="M${left} ${top}V${top + height}H${width - 20}" fill="none" stroke="#9ca3af"/>
<text x="${left - 6}" y="${top + 8}" text-anchor="end">${most}</text><text x="${left - 6}" y="${top + height}" text-anchor="end">0</text>
${dots}`
  })
  const bottom = 30 + 3 * (height + gap)
  const legend = Object.entries(colours)
    .map(
      ([name, colour], i) =>
        `<rect x="${left + i * 110}" y="${bottom}" width="12" height="12" fill="${colour}"/><text x="${left + 18 + i * 110}" y="${bottom + 11}">${name}</text>`
    )
    .join("")
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 30}" font-family="sans-serif" font-size="13" fill="#374151">
<rect width="100%" height="100%" fill="#fff"/>
${panels.join("\n")}
${legend}<text x="${width - 20}" y="${bottom + 11}" text-anchor="end">rows of the prompt, 0 to ${rows - 1}</text>
</svg>
`
}

if (process.argv[1] === import.meta.filename) await writeFile(join(root, "docs/positions.svg"), await drawPositions())
