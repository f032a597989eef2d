import type { VideoOptions } from "../face/media-values.ts"
import { media } from "../face/media-values.ts"
import type { MediaValue } from "../session/open-prompt.ts"

/** Media of the command line: paths and addresses, whose own bytes tell what they are. Options of clips go with each. */
export const mediaArguments = (
  sources: ReadonlyArray<string>,
  flags: { readonly sound: boolean; readonly fps: Partial<{ readonly fps: number }> }
): ReadonlyArray<MediaValue> => {
  const options: VideoOptions = { ...flags.fps, ...(flags.sound ? {} : { sound: false }) }
  return sources.map((source) => media(source, options))
}
