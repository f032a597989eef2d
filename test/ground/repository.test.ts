import { existsSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { files, root, textOf } from "./repository-files.ts"

const isText = (path: string) => /\.(ts|js|mjs|json|md|py|yml|yaml|txt|csv|sh)$|^\.|\/run$|^LICENSE$/.test(path)
const manifest: Record<"dependencies" | "devDependencies" | "optionalDependencies", Record<string, string>> = JSON.parse(textOf("package.json"))

describe("the repository", () => {
  it("its top folder holds what it should and nothing else", () => {
    const folders = ".ci docs examples modalities src test"
    const settings = ".editorconfig .gitattributes .gitignore .npmrc .oxfmtrc.json .oxlintrc.json package-lock.json package.json"
    const programs = "tsconfig.build.json tsconfig.json vitest.config.ts"
    const pages = "AGENTS.md CHANGELOG.md CONTRIBUTING.md LICENSE README.md SECURITY.md"
    const there = new Set(files.map((path) => path.split("/")[0]))
    expect([...there].sort()).toEqual(`${folders} ${settings} ${programs} ${pages}`.split(" ").sort())
  })

  it("no file names a registry's host, or a folder of one machine", () => {
    // Written in pieces, so that this file does not name them either.
    const hosts = ["registry npmjs", "registry yarnpkg", "files pythonhosted", "pypi org", "static crates", "deb debian"].map((host) =>
      host.replace(" ", "[.]")
    )
    const folders = ["work/main", "work/shared", "root/py"].map((folder) => `(?<![\\w.])/${folder}`)
    const wanted = new RegExp([...hosts, ...folders].join("|"))
    expect(files.filter((path) => isText(path) && wanted.test(textOf(path)))).toEqual([])
    expect(files.filter((path) => isText(path) && root.length > 6 && textOf(path).includes(root))).toEqual([])
  })

  it("the lock file names packages by version and digest alone", () => {
    expect(textOf("package-lock.json")).not.toMatch(/"resolved":\s*"http/)
  })

  it("dependencies have exact versions", () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
    expect(Object.entries(all).filter(([, version]) => !/^(npm:[@\w/-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
  })

  it("the lock file is in step with package.json", () => {
    const lock: { packages: Record<string, { dependencies?: object; devDependencies?: object; optionalDependencies?: object }> } = JSON.parse(
      textOf("package-lock.json")
    )
    expect(lock.packages[""].devDependencies).toEqual(manifest.devDependencies)
    expect(lock.packages[""].optionalDependencies).toEqual(manifest.optionalDependencies)
    expect({ ...lock.packages[""].dependencies, ...manifest.optionalDependencies }).toEqual({ ...manifest.dependencies, ...manifest.optionalDependencies })
  })

  it("every link of a page leads to something that is there", () => {
    const pages = files.filter((path) => path.endsWith(".md"))
    const links = pages.flatMap((page) => [...textOf(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link]) => ({ page, link })))
    expect(links.length).toBeGreaterThan(20)
    expect(links.filter(({ link, page }) => !/^[a-z]+:/.test(link) && !existsSync(join(root, dirname(page), link)))).toEqual([])
  })

  it("nothing is committed that is over 5 MB", () => {
    expect(files.filter((path) => statSync(join(root, path)).size > 5_000_000 && !path.startsWith("examples/models/"))).toEqual([])
  })
})
