import { Command, Flag } from "effect/cli"

/** The command without a subcommand; yields the flags that all subcommands share. */
export const jsonFlag = Command.make("sensorium").pipe(
  Command.withDescription("Ask a local model about text, images, video with its sound, and audio."),
  Command.withSharedFlags({ json: Flag.Boolean("json").pipe(Flag.withDescription("Write one JSON object a line"), Flag.withDefault(false)) })
)
