/**
 * A modality that Sensorium does not know: a seismometer's readings from a csv, with an encoder of its own (a short-time spectrum), plugged in as one more
 * embedding producer. Its weights are not trained, so the answer means nothing; what is shown is that the rows reach the decoder, count in the plan, are
 * kept by content, and change the answer. Run: npm exec -- node examples/06-a-modality-of-ones-own.ts [CSV]
 */
import { readFile } from "node:fs/promises"
import { load, producer } from "sensorium"

interface Series {
  readonly name: string
  readonly values: Float32Array
}

/** Reads `seconds,millimetres` lines. */
const readSeries = async (path: string): Promise<Series> => {
  const lines = (await readFile(path, "utf8")).trim().split("\n").slice(1)
  return { name: path, values: Float32Array.from(lines, (line) => Number(line.split(",")[1])) }
}

const WINDOW = 128
const BANDS = 16

/** The encoder: how strong each of 16 frequency bands is in a window, [BANDS]. */
const bandsOf = (window: Float32Array): Float32Array =>
  Float32Array.from({ length: BANDS }, (_, band) => {
    let [real, imaginary] = [0, 0]
    window.forEach((value, i) => {
      const angle = (2 * Math.PI * (band + 1) * i) / WINDOW
      real += value * Math.cos(angle)
      imaginary += value * Math.sin(angle)
    })
    return Math.log1p(Math.hypot(real, imaginary))
  })

const model = await load()
try {
  // The decoder's width, as the model itself gives it.
  const { width } = model
  const seismogram = producer<Series>({
    modality: "seismogram",
    width,
    contentId: ({ name }) => name,
    plan: ({ values }) => {
      const rows = Math.ceil(values.length / WINDOW)
      return { rows, pieces: Array.from({ length: rows }, (_, i) => ({ rows: 1, atSeconds: (i * WINDOW) / 64 })) }
    },
    encode: async function* ({ values }) {
      for (let at = 0; at < values.length; at += WINDOW) yield bandsOf(values.subarray(at, at + WINDOW))
    },
    projector: { width: BANDS, project: (bands) => Float32Array.from({ length: width }, (_, i) => (bands[i % BANDS] * Math.cos(i)) / 4) }
  })

  const series = await readSeries(process.argv[2] ?? "examples/media/ground-motion.csv")
  const quiet: Series = { name: "quiet", values: series.values.map((value) => value / 50) }
  const question = "Was that an earthquake?"
  const { media, rows } = await model.plan([seismogram(series), question])
  console.log(`${rows.seismogram} rows of seismogram, the last at ${media[0].frames.at(-1)?.atSeconds} s, beside ${rows.text} rows of text`)
  for (const one of [series, quiet]) {
    const { text } = await model.ask([seismogram(one), question], { maxTokens: 12 })
    console.log(`${one.name}: ${text}`)
  }
} finally {
  await model.dispose()
}
