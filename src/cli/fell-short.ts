/** `verify` found a case that falls short; its table says where. */
export class FellShort extends Error {
  readonly _tag = "FellShort"
}
