import { Effect } from "effect"
import type { FfmpegMissing } from "../../src/core/errors.ts"
import type { Ffmpeg, FfmpegError, FfmpegInput } from "../../src/source/ffmpeg.ts"
import type { VideoStreamInfo } from "../../src/source/stream-info.ts"
import type { FrameIndex } from "./frame-index.ts"

/**
 * Whether a clip is coded with gradual refresh (x264's intra-refresh): what counts there as a key frame is whole only some frames later,
 * so decoding from one gives other pixels. Reads the clip up to its third key frame; H.264 alone has such key frames. A build of ffmpeg that
 * cannot tell counts as yes: decoding from the start is slower, never wrong.
 */
export const refreshesGradually = Effect.fnUntraced(function* (
  ffmpeg: Ffmpeg["Service"],
  input: FfmpegInput,
  stream: VideoStreamInfo,
  index: FrameIndex
): Effect.fn.Return<boolean, FfmpegMissing> {
  if (stream.codec !== "h264") return false
  let third = 1
  for (let keys = 0; third < index.count - 1 && keys < 2; third++) if (index.isKey(third)) keys++
  const counts = ffmpeg
    .text({
      input: { ...input, options: [...(input.options ?? []), "-t", (index.atSeconds(third) + 1).toFixed(3)] },
      // Unit 6: supplemental information, where a recovery point says after how many frames the picture is whole.
      output: ["-map", `0:${stream.index}`, "-c", "copy", "-bsf:v", "filter_units=pass_types=6,trace_headers", "-f", "null", "pipe:1"],
      logLevel: "info",
      stage: "encode"
    })
    .pipe(Effect.map(({ said }) => [...said.matchAll(/recovery_frame_cnt\s.*=\s*(\d+)/g)].some(([, count]) => Number(count) > 0)))
  return yield* Effect.catchTags(counts, {
    FfmpegFailed: (_: FfmpegError) => Effect.succeed(true),
    SourceUnreadable: (_: FfmpegError) => Effect.succeed(true)
  })
})
