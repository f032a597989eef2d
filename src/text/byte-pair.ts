import type { Steps } from "./time-slices.ts"

/** What tokenizer.json says of a byte-pair model. */
export interface BytePairModel {
  readonly vocab: Readonly<Record<string, number>>
  readonly merges: ReadonlyArray<unknown>
  readonly unkToken: string | undefined
  readonly fuseUnk: boolean
  readonly byteFallback: boolean
  readonly ignoreMerges: boolean
}

/** A byte-pair model: words to token ids. */
export interface BytePair {
  /** The vocabulary without added tokens. */
  readonly idOf: (token: string) => number | undefined
  /** Its tokens by id, for the caller to complete. */
  readonly pieces: Array<string | undefined>
  /** Appends the ids of one word (a piece that the pre-tokenizer made) to `ids`. */
  readonly word: (word: string, ids: Array<number>) => Steps<void>
}

/** Longest word remembered, in UTF-16 units, and how many are. */
const REMEMBERED_LENGTH = 48
const REMEMBERED_WORDS = 20_000
/** Steps of the merge loop between two places where it may pause. */
const STEPS_A_PAUSE = 1024
const SPACE_MARK = "▁"

/** The first space mark from `from` on that follows another character, or -1: where a word of its own begins. */
const nextSpaceMark = (text: string, from: number): number => {
  for (let at = text.indexOf(SPACE_MARK, from); at !== -1; at = text.indexOf(SPACE_MARK, at + 1)) {
    if (at > 0 && text[at - 1] !== SPACE_MARK) return at
  }
  return -1
}

const BYTES = new TextEncoder()

/** The character that stands for a byte in byte-level vocabularies (GPT-2's table): printable bytes stand for themselves, the others for U+0100 and up. */
export const byteCharacters: ReadonlyArray<string> = (() => {
  let next = 256
  return Array.from({ length: 256 }, (_, byte) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174 ? String.fromCharCode(byte) : String.fromCharCode(next++)
  )
})()

/** Merges by rank: a hash table of pairs of ids over typed arrays, 20 bytes a merge. */
interface Merges {
  /** Rank of the merge of two neighbouring ids, or -1. */
  readonly rank: (left: number, right: number) => number
  /** [merges]: the id that a merge makes. */
  readonly made: Int32Array
}

const pairOf = (merge: unknown): readonly [string, string] | undefined => {
  if (typeof merge === "string") {
    const space = merge.indexOf(" ")
    return space < 1 ? undefined : [merge.slice(0, space), merge.slice(space + 1)]
  }
  return Array.isArray(merge) && typeof merge[0] === "string" && typeof merge[1] === "string" ? [merge[0], merge[1]] : undefined
}

function* readMerges(list: ReadonlyArray<unknown>, ids: ReadonlyMap<string, number>): Steps<{ merges: Merges; breaksAtSpaceMarks: boolean }> {
  const lefts = new Int32Array(list.length)
  const rights = new Int32Array(list.length)
  const made = new Int32Array(list.length)
  const slots = new Int32Array(1 << Math.ceil(Math.log2(Math.max(2, list.length * 2)))).fill(-1)
  const mask = slots.length - 1
  const slotOf = (left: number, right: number): number => {
    let slot = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0
    slot = (slot ^ (slot >>> 15)) & mask
    for (;;) {
      const rank = slots[slot]
      if (rank === -1 || (lefts[rank] === left && rights[rank] === right)) return slot
      slot = (slot + 1) & mask
    }
  }
  let breaksAtSpaceMarks = true
  for (let rank = 0; rank < list.length; rank++) {
    const pair = pairOf(list[rank])
    if (pair === undefined) throw new Error(`merge ${rank} is no pair of tokens`)
    const left = ids.get(pair[0])
    const right = ids.get(pair[1])
    const both = ids.get(pair[0] + pair[1])
    if (left === undefined || right === undefined || both === undefined)
      throw new Error(`merge ${rank} (${JSON.stringify(pair)}) makes a token that the vocabulary lacks`)
    if (breaksAtSpaceMarks && nextSpaceMark(pair[0] + pair[1], 1) !== -1) breaksAtSpaceMarks = false
    lefts[rank] = left
    rights[rank] = right
    made[rank] = both
    slots[slotOf(left, right)] = rank
    if (rank % STEPS_A_PAUSE === 0) yield
  }
  return { merges: { rank: (left, right) => slots[slotOf(left, right)], made }, breaksAtSpaceMarks }
}

/** Ranks are below 2^21 and places below 2^31, so that one double orders by rank, then by place. */
const PLACES = 2 ** 31

/** A heap of numbers, least first. */
const makeHeap = () => {
  const heap: Array<number> = []
  return {
    push: (value: number) => {
      let at = heap.length
      heap.push(value)
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (heap[parent] <= value) break
        heap[at] = heap[parent]
        at = parent
      }
      heap[at] = value
    },
    pop: (): number | undefined => {
      const least = heap[0]
      const last = heap.pop()
      if (last === undefined || heap.length === 0) return least
      let at = 0
      for (;;) {
        let child = at * 2 + 1
        if (child >= heap.length) break
        if (child + 1 < heap.length && heap[child + 1] < heap[child]) child++
        if (heap[child] >= last) break
        heap[at] = heap[child]
        at = child
      }
      heap[at] = last
      return least
    }
  }
}

/** Merges neighbours, the lowest rank first and the leftmost of equals, until none is left, and appends what remains to `ids`. */
function* mergeAll(symbols: Int32Array, merges: Merges, ids: Array<number>): Steps<void> {
  const count = symbols.length
  const next = new Int32Array(count)
  const previous = new Int32Array(count)
  const heap = makeHeap()
  const offer = (place: number) => {
    if (place < 0 || next[place] >= count) return
    const rank = merges.rank(symbols[place], symbols[next[place]])
    if (rank !== -1) heap.push(rank * PLACES + place)
  }
  for (let place = 0; place < count; place++) {
    next[place] = place + 1
    previous[place] = place - 1
    if (place % (STEPS_A_PAUSE * 8) === STEPS_A_PAUSE * 8 - 1) yield
  }
  for (let place = 0; place < count; place++) {
    offer(place)
    if (place % STEPS_A_PAUSE === STEPS_A_PAUSE - 1) yield
  }
  let steps = 0
  for (;;) {
    const least = heap.pop()
    if (least === undefined) break
    if (++steps % STEPS_A_PAUSE === 0) yield
    const rank = Math.floor(least / PLACES)
    const place = least - rank * PLACES
    // What was offered may have been merged away since.
    if (symbols[place] === -1 || next[place] >= count || merges.rank(symbols[place], symbols[next[place]]) !== rank) continue
    const gone = next[place]
    symbols[place] = merges.made[rank]
    symbols[gone] = -1
    next[place] = next[gone]
    if (next[place] < count) previous[next[place]] = place
    offer(previous[place])
    offer(place)
  }
  for (let place = 0; place < count; place = next[place]) {
    ids.push(symbols[place])
    if (ids.length % (STEPS_A_PAUSE * 8) === 0) yield
  }
}

/**
 * Builds a byte-pair model as the `tokenizers` library of Hugging Face runs it (`models::BPE`). `byteLevel`: words are taken byte by byte, else
 * character by character. Throws where merges and vocabulary disagree. It is ours because a model must not hold the event loop: the one in `@huggingface/tokenizers`
 * took 115 to 180 ms for 100 kB of prose and 285 ms for 22,000 Chinese characters, in one go.
 */
export function* makeBytePair(model: BytePairModel, byteLevel: boolean): Steps<BytePair> {
  const vocabulary = new Map<string, number>()
  const pieces: Array<string | undefined> = []
  let longest = 0
  for (const token in model.vocab) {
    const id = model.vocab[token]
    if (!Number.isInteger(id) || id < 0) throw new Error(`token ${JSON.stringify(token)} has no id`)
    vocabulary.set(token, id)
    pieces[id] = token
    longest = Math.max(longest, token.length)
    if (vocabulary.size % STEPS_A_PAUSE === 0) yield
  }
  const { breaksAtSpaceMarks, merges } = yield* readMerges(model.merges, vocabulary)
  const unknown = model.unkToken === undefined ? undefined : vocabulary.get(model.unkToken)
  const byteIds = Int32Array.from(
    { length: 256 },
    (_, byte) => vocabulary.get(byteLevel ? byteCharacters[byte] : `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`) ?? -1
  )

  function* symbolsOfBytes(word: string): Steps<ReadonlyArray<number>> {
    const symbols: Array<number> = []
    let lastUnknown = false
    for (const [at, byte] of BYTES.encode(word).entries()) {
      const id = byteIds[byte]
      if (id !== -1) symbols.push(id)
      else if (unknown !== undefined && !(lastUnknown && model.fuseUnk)) symbols.push(unknown)
      lastUnknown = id === -1
      if (at % STEPS_A_PAUSE === STEPS_A_PAUSE - 1) yield
    }
    return symbols
  }
  function* symbolsOfCharacters(word: string): Steps<ReadonlyArray<number>> {
    const symbols: Array<number> = []
    let lastUnknown = false
    let at = 0
    for (const character of word) {
      if (++at % STEPS_A_PAUSE === 0) yield
      const id = vocabulary.get(character)
      if (id !== undefined) {
        symbols.push(id)
        lastUnknown = false
        continue
      }
      const bytes = model.byteFallback ? Array.from(BYTES.encode(character), (byte) => byteIds[byte]) : [-1]
      if (!bytes.includes(-1)) {
        symbols.push(...bytes)
        lastUnknown = false
      } else if (unknown !== undefined) {
        if (!(lastUnknown && model.fuseUnk)) symbols.push(unknown)
        lastUnknown = true
      }
    }
    return symbols
  }
  const spelled = (word: string): string => (byteLevel ? Array.from(BYTES.encode(word), (byte) => byteCharacters[byte]).join("") : word)

  const remembered = new Map<string, ReadonlyArray<number>>()
  function* part(word: string, ids: Array<number>): Steps<void> {
    const known = remembered.get(word)
    if (known !== undefined) {
      for (const id of known) ids.push(id)
      return
    }
    const whole = model.ignoreMerges && word.length <= longest ? vocabulary.get(spelled(word)) : undefined
    const found = word.length > REMEMBERED_LENGTH ? ids : []
    if (whole !== undefined) found.push(whole)
    else yield* mergeAll(new Int32Array(yield* byteLevel ? symbolsOfBytes(word) : symbolsOfCharacters(word)), merges, found)
    if (found === ids) return
    for (const id of found) ids.push(id)
    if (remembered.size >= REMEMBERED_WORDS) remembered.clear()
    remembered.set(word, found)
  }
  // Where no token has a space mark inside, no merge reaches over one: a whole text given as one word falls into words.
  const cuts = !byteLevel && breaksAtSpaceMarks && !model.ignoreMerges
  return {
    idOf: (token) => vocabulary.get(token),
    pieces,
    *word(word, ids) {
      if (!cuts || !word.includes(SPACE_MARK, 1)) return yield* part(word, ids)
      let count = 0
      for (let from = 0; from < word.length;) {
        const mark = nextSpaceMark(word, from + 1)
        const to = mark === -1 ? word.length : mark
        yield* part(word.slice(from, to), ids)
        from = to
        if (++count % 64 === 0) yield
      }
    }
  }
}
