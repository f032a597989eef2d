import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { machinePath, node, root, run } from "./project.js"

const works = (command) => {
  const { status, stdout } = spawnSync(command, ["-hide_banner", "-version"], { encoding: "utf8", timeout: 30_000 })
  return status === 0 && stdout.startsWith("ffmpeg version")
}

const staticFile = () => {
  try {
    return createRequire(join(root, "package.json"))("ffmpeg-static") ?? undefined
  } catch {
    return undefined
  }
}

/** The ffmpeg that Sensorium will find: FFMPEG_PATH, ffmpeg-static's file, the search path; undefined when none works. */
export const findFfmpeg = () => (process.env.FFMPEG_PATH ? [process.env.FFMPEG_PATH] : [staticFile(), "ffmpeg"]).find((command) => command && works(command))

// In the order in which they are looked for. Each: the program, and the commands that install ffmpeg with it.
const managers = [
  { name: "apt-get", root: true, commands: [["update"], ["install", "-y", "--no-install-recommends", "ffmpeg"]] },
  { name: "dnf", root: true, commands: [["install", "-y", "ffmpeg-free"]] },
  { name: "apk", root: true, commands: [["add", "--no-cache", "ffmpeg"]] },
  { name: "pacman", root: true, commands: [["-Sy", "--noconfirm", "ffmpeg"]] },
  { name: "zypper", root: true, commands: [["--non-interactive", "install", "ffmpeg"]] },
  { name: "brew", root: false, commands: [["install", "ffmpeg"]] },
  {
    name: "winget",
    root: false,
    commands: [["install", "--id", "Gyan.FFmpeg", "--exact", "--silent", "--accept-package-agreements", "--accept-source-agreements"]]
  }
]

const has = (name) => spawnSync(name, ["--version"], { stdio: "ignore", env: { ...process.env, PATH: machinePath() } }).error === undefined

const byPackageManager = () => {
  const isRoot = process.getuid?.() === 0
  for (const { name, root: needsRoot, commands } of managers) {
    if (!has(name)) continue
    // brew refuses to run as root. Without root, sudo is used on a CI machine alone, where it asks nobody.
    const sudo = needsRoot && !isRoot && process.env.CI !== undefined && has("sudo")
    if (needsRoot ? !isRoot && !sudo : isRoot && name === "brew") continue
    console.log(`Installing ffmpeg with ${name} ...`)
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    for (const args of commands) if ((sudo ? run("sudo", ["-n", name, ...args], env) : run(name, args, env)) !== 0) break
    if (findFfmpeg() !== undefined) return true
  }
  return false
}

// ffmpeg-static is installed without its script, which would fetch 80 MB that most machines have already.
const byDownload = () => {
  try {
    const script = join(dirname(createRequire(join(root, "package.json")).resolve("ffmpeg-static/package.json")), "install.js")
    if (!existsSync(script)) return false
    console.log("Downloading ffmpeg-static's build of ffmpeg ...")
    return run(node(), [script]) === 0 && findFfmpeg() !== undefined
  } catch {
    return false
  }
}

const advice = `ffmpeg was not found, and this script may not install it here. Install it, then run this again:
  Debian, Ubuntu   sudo apt-get install ffmpeg
  Fedora           sudo dnf install ffmpeg-free
  Alpine           sudo apk add ffmpeg
  Arch             sudo pacman -S ffmpeg
  macOS            brew install ffmpeg
  Windows          winget install Gyan.FFmpeg   (then open a new shell)
Or set FFMPEG_PATH to an ffmpeg that you have. Text, images and 16 kHz wav files work without it.`

/** Makes sure of an ffmpeg: one that is there, else by the system's package manager, else by download; throws what to do when all fail. */
export const ensureFfmpeg = () => {
  if (findFfmpeg() !== undefined) return
  if (process.env.FFMPEG_PATH)
    throw new Error(`FFMPEG_PATH names ${process.env.FFMPEG_PATH}, which does not run as ffmpeg. Correct it or unset it, then run this again.`)
  if (byPackageManager() || byDownload()) return
  throw new Error(advice)
}
