import { join } from "node:path"
import { API, SymbolFlags } from "typescript/unstable/sync"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { modules, root } from "./repository-files.ts"

describe("doc comments", () => {
  let api: API
  beforeAll(() => {
    api = new API({ cwd: root })
  })
  afterAll(() => api.close())

  it("every export has one", () => {
    const project = api.updateSnapshot({ openProjects: [join(root, "tsconfig.json")] }).getProjects()[0]
    const { program, checker } = project
    const bare = modules.flatMap((path) => {
      const file = program.getSourceFile(join(root, path))
      const module = file === undefined ? undefined : checker.getSymbolAtLocation(file)
      // A file without exports is no module: a program.
      if (module === undefined) return []
      return checker.getExportsOfModule(module).flatMap((exported) => {
        const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
        // A namespace's members are told one by one, in its own file.
        if (symbol.flags & SymbolFlags.ValueModule) return []
        return symbol.getDocumentationComment(checker).trim() === "" ? [`${path}: ${exported.name}`] : []
      })
    })
    expect(bare).toEqual([])
  })
})
