/** When the frames of a clip are shown, and which of them can be decoded without the ones before. Built as packets come in. */
export class FrameIndex {
  /** Seconds of one unit of the timestamps, a fraction. */
  readonly timeBase: readonly [numerator: number, denominator: number]
  #times = new Float64Array(1024)
  #keys = new Uint8Array(1024)
  #count = 0
  #duplicates = false
  #reordered = false

  constructor(timeBase: readonly [numerator: number, denominator: number]) {
    this.timeBase = timeBase
  }

  /** Frames. */
  get count(): number {
    return this.#count
  }

  /** Whether two frames have the same timestamp: it then names none. */
  get hasDuplicates(): boolean {
    return this.#duplicates
  }

  /** Whether a frame was added that is shown before one added earlier. */
  get wasReordered(): boolean {
    return this.#reordered
  }

  /** Takes the next frame in the order of decoding; frames are kept in the order of showing. Reordering is local, so this is quick. */
  add(time: number, isKey: boolean): void {
    if (this.#count === this.#times.length) {
      const times = new Float64Array(this.#count * 2)
      const keys = new Uint8Array(this.#count * 2)
      times.set(this.#times)
      keys.set(this.#keys)
      this.#times = times
      this.#keys = keys
    }
    let at = this.#count++
    while (at > 0 && this.#times[at - 1] > time) {
      this.#times[at] = this.#times[at - 1]
      this.#keys[at] = this.#keys[at - 1]
      at--
    }
    if (at < this.#count - 1) this.#reordered = true
    if (at > 0 && this.#times[at - 1] === time) this.#duplicates = true
    this.#times[at] = time
    this.#keys[at] = isKey ? 1 : 0
  }

  /** Timestamp of a frame, in units of the time base. */
  timestamp(frame: number): number {
    return this.#times[frame]
  }

  /** Whether a frame can be decoded without the ones before. */
  isKey(frame: number): boolean {
    return this.#keys[frame] === 1
  }

  /** Seconds of a timestamp. */
  seconds(timestamp: number): number {
    return (timestamp * this.timeBase[0]) / this.timeBase[1]
  }

  /** Seconds from the first frame to this one. */
  atSeconds(frame: number): number {
    return this.seconds(this.#times[frame] - this.#times[0])
  }

  /** The frame shown first at or after `seconds` from the first frame; `count` when there is none. A hair before counts as at. */
  firstAt(seconds: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.atSeconds(middle) < seconds - 1e-6) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The last frame that needs none before it, at or before `frame`; 0 when there is none. */
  keyBefore(frame: number): number {
    let at = frame
    while (at > 0 && this.#keys[at] === 0) at--
    return at
  }
}
