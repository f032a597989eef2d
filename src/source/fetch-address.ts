import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import { Effect, type Layer, Scope, Stream } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { lookup } from "node:dns"
import { isIP, type LookupFunction } from "node:net"
import { AddressRefused, type LimitExceeded, SourceUnreadable } from "../core/errors.ts"
import { isPublicAddress } from "./public-address.ts"
import type { SourceLimits } from "./source-limits.ts"
import { addressName } from "./source-name.ts"
import { type Spooled, spool, tooManyBytes } from "./spool.ts"

/** Carried through the HTTP client as the cause of a connection that was not made. */
class NotPublic extends Error {
  readonly address: string
  constructor(address: string) {
    super(`${address} is not a public address`)
    this.address = address
  }
}

/** Looks names up as ever, and refuses a name when any of its addresses is not public. */
const publicLookup: LookupFunction = (host, options, done) => {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, [])
    const refused = addresses.find(({ address }) => !isPublicAddress(address))
    if (refused !== undefined) return done(new NotPublic(refused.address), [])
    if (options.all === true) return done(null, addresses)
    done(null, addresses[0].address, addresses[0].family)
  })
}

/** Connects to public addresses only: literals, looked-up ones, and the one that the socket really reached are checked. */
const publicConnector = (limits: SourceLimits): Undici.buildConnector.connector => {
  const connect = Undici.buildConnector({ lookup: publicLookup, timeout: limits.connectMs })
  return (options, done) => {
    const host = options.hostname.replace(/^\[|\]$/g, "")
    if (isIP(host) !== 0 && !isPublicAddress(host)) return done(new NotPublic(host), null)
    connect(options, (...result) => {
      // After an error there is no socket, whatever the types say.
      const socket: (typeof result)[1] | undefined = result[1]
      if (socket === null || socket === undefined || isPublicAddress(socket.remoteAddress ?? "")) return done(...result)
      socket.destroy()
      done(new NotPublic(socket.remoteAddress ?? "unknown"), null)
    })
  }
}

const clientLayer = (limits: SourceLimits): Layer.Layer<HttpClient.HttpClient> =>
  NodeHttpClient.layerUndiciOptions({ connect: limits.allowPrivateAddresses ? { timeout: limits.connectMs } : publicConnector(limits) })

/** The first reason in a chain of causes that says something. */
const deepest = (error: unknown): { readonly refused?: NotPublic; readonly message: string } => {
  let message = ""
  const seen = new Set<unknown>()
  for (
    let one = error;
    typeof one === "object" && one !== null && !seen.has(one);
    one = "reason" in one ? one.reason : "cause" in one ? one.cause : undefined
  ) {
    seen.add(one)
    if (one instanceof NotPublic) return { refused: one, message: one.message }
    if (one instanceof Error && one.message !== "") message = one.message
    else if (one instanceof AggregateError && one.errors.length > 0) message = String(one.errors[0])
  }
  return { message: message === "" ? "the connection failed" : message }
}

const refused = (name: string, address: string, why: string): AddressRefused =>
  new AddressRefused({ stage: "open", source: name, address, message: `${name} is refused: ${why}` })

const unreadable = (name: string, why: string): SourceUnreadable =>
  new SourceUnreadable({ stage: "open", source: name, message: `${name} could not be read: ${why}` })

const parseAddress = (name: string, text: string, base?: string): Effect.Effect<URL, AddressRefused> => {
  const url = URL.parse(text, base)
  if (url === null) return Effect.fail(refused(name, text, "it is no address"))
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return Effect.fail(refused(name, url.href, `${url.protocol} addresses are not read, only http:, https: and data:`))
  return Effect.succeed(url)
}

const failed =
  (name: string) =>
  (error: unknown): AddressRefused | SourceUnreadable => {
    const { message, refused: inside } = deepest(error)
    return inside === undefined
      ? unreadable(name, message)
      : refused(name, inside.address, `it leads to ${inside.address}, which is not a public address (the setting allowPrivateAddresses allows it)`)
  }

/** Asks for an address, and follows its redirects one by one so that each is checked. */
const follow = Effect.fnUntraced(function* (
  name: string,
  first: URL,
  limits: SourceLimits
): Effect.fn.Return<HttpClientResponse.HttpClientResponse, AddressRefused | SourceUnreadable, HttpClient.HttpClient> {
  const client = yield* HttpClient.HttpClient
  let url = first
  for (let redirects = 0; redirects <= limits.maxRedirects; redirects++) {
    const response = yield* client
      .execute(HttpClientRequest.get(url, { headers: { accept: "*/*", "accept-encoding": "identity" } }))
      .pipe(Effect.mapError(failed(name)))
    const location = response.headers["location"]
    if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response
    url = yield* parseAddress(name, location, url.href)
  }
  return yield* new SourceUnreadable({ stage: "open", source: name, message: `${name} redirects more than ${limits.maxRedirects} times` })
})

/**
 * Reads an http or https address to its end, within bounds of size and time. Fails with `AddressRefused` where it, or what it redirects to,
 * is loopback, private or otherwise inside; `LimitExceeded` beyond the bytes; `SourceUnreadable` for everything else. The scope owns the copy.
 */
export const fetchAddress = Effect.fnUntraced(function* (
  address: string,
  limits: SourceLimits
): Effect.fn.Return<Spooled & { readonly name: string }, AddressRefused | SourceUnreadable | LimitExceeded, Scope.Scope> {
  const url = yield* parseAddress("address", address)
  const name = addressName(url)
  const late = (milliseconds: number, what: string) => () =>
    Effect.fail(new SourceUnreadable({ stage: "open", source: name, message: `${name} ${what} within ${milliseconds / 1000} seconds` }))
  const scope = yield* Effect.scope
  const download = Effect.gen(function* () {
    const response = yield* follow(name, url, limits).pipe(
      Effect.timeoutOrElse({ duration: limits.connectMs, orElse: late(limits.connectMs, "did not answer") })
    )
    if (response.status < 200 || response.status > 299) {
      return yield* new SourceUnreadable({ stage: "open", source: name, message: `${name} answered with status ${response.status}` })
    }
    const encoding = response.headers["content-encoding"]
    if (encoding !== undefined && encoding !== "identity") {
      return yield* new SourceUnreadable({ stage: "open", source: name, message: `${name} answered in an encoding that was not asked for: ${encoding}` })
    }
    const promised = Number(response.headers["content-length"])
    if (promised > limits.maxBytes) return yield* tooManyBytes(name, promised, limits.maxBytes)
    // The copy outlives the connection.
    return yield* Effect.provideService(
      spool(
        name,
        Stream.mapError(response.stream, (error) => unreadable(name, deepest(error).message)),
        limits
      ),
      Scope.Scope,
      scope
    )
  })
  const spooled = yield* download.pipe(
    Effect.provide(clientLayer(limits)),
    Effect.timeoutOrElse({ duration: limits.downloadMs, orElse: late(limits.downloadMs, "was not read") })
  )
  return { ...spooled, name }
})
