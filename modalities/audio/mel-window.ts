import type { MelSettings } from "./log-mel.worker.ts"

/** Frames to be computed next: their samples, and how many. */
export interface FrameJob {
  /** [(frames - 1) x hop + fftSize] */
  readonly samples: Float32Array<ArrayBuffer>
  readonly frames: number
}

/**
 * Collects the samples of one extractor window (Whisper: 30 s) and cuts them into jobs of `blockFrames` frames. Frames are centred: the start is
 * mirrored, and behind the clip's last sample stand zeros up to the window's end, mirrored there in turn, as torch.stft does with the padded clip.
 */
export class MelWindow {
  /** Samples so far. */
  count = 0
  readonly #length: number
  readonly #half: number
  readonly #settings: MelSettings
  readonly #blockFrames: number
  readonly #buffer: Float32Array<ArrayBuffer>
  /** Samples in the buffer; the first stands at `#next x hop - half`. */
  #filled: number
  /** The next job's first frame. */
  #next = 0

  constructor(settings: MelSettings, windowSamples: number, blockFrames: number) {
    this.#settings = settings
    this.#length = windowSamples
    this.#blockFrames = blockFrames
    this.#half = Math.floor(settings.fftSize / 2)
    // One sample more than the frames take: the mirror of the first frame's start reaches so far.
    this.#buffer = new Float32Array((blockFrames - 1) * settings.hop + settings.fftSize + 1)
    this.#filled = this.#half
  }

  /** Samples that the window still takes. */
  get room(): number {
    return this.#length - this.count
  }

  /** Frames that stand for the samples so far: those whose centre is on one of them. */
  get frames(): number {
    return Math.min(Math.ceil(this.count / this.#settings.hop), Math.floor(this.#length / this.#settings.hop))
  }

  /** Takes samples (at most `room`) and gives the jobs that they complete. */
  push(samples: Float32Array): ReadonlyArray<FrameJob> {
    const jobs: Array<FrameJob> = []
    for (let at = 0; at < samples.length;) {
      const taken = Math.min(samples.length - at, this.#buffer.length - this.#filled)
      this.#buffer.set(samples.subarray(at, at + taken), this.#filled)
      this.#filled += taken
      at += taken
      if (this.#filled === this.#buffer.length) jobs.push(this.#take(this.#blockFrames))
    }
    this.count += samples.length
    return jobs
  }

  /** The jobs that remain: up to the last frame that a sample reaches, which may be louder than all before. Beyond, all is silence. */
  end(): ReadonlyArray<FrameJob> {
    const { hop } = this.#settings
    const last = Math.min(Math.floor(this.#length / hop), Math.floor((this.count - 1 + this.#half) / hop) + 1)
    const jobs: Array<FrameJob> = []
    while (this.#next < last) {
      this.#silence()
      jobs.push(this.#take(Math.min(this.#blockFrames, last - this.#next)))
    }
    return jobs
  }

  /** Fills the buffer with zeros, and from the window's end on with its mirror. */
  #silence(): void {
    const start = this.#next * this.#settings.hop - this.#half
    this.#buffer.fill(0, this.#filled)
    for (let i = Math.max(this.#filled, this.#length - start); i < this.#buffer.length; i++) {
      const mirrored = 2 * (this.#length - 1 - start) - i
      this.#buffer[i] = mirrored >= 0 && mirrored < i ? this.#buffer[mirrored] : 0
    }
    this.#filled = this.#buffer.length
  }

  #take(frames: number): FrameJob {
    const { fftSize, hop } = this.#settings
    if (this.#next === 0) for (let k = 1; k <= this.#half; k++) this.#buffer[this.#half - k] = this.#buffer[this.#half + k]
    const samples = this.#buffer.slice(0, (frames - 1) * hop + fftSize)
    this.#buffer.copyWithin(0, this.#blockFrames * hop, this.#filled)
    this.#filled = Math.max(0, this.#filled - this.#blockFrames * hop)
    this.#next += frames
    return { samples, frames }
  }
}
