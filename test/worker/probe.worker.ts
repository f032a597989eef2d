/** Functions that the worker tests run off the event loop. */
export const sum = (values: Float32Array): number => values.reduce((a, b) => a + b, 0)

export const doubled = (values: Float32Array): { readonly values: Float32Array; readonly note: string } => ({
  values: values.map((v) => v * 2),
  note: "doubled"
})

export const later = async (ms: number, value: string): Promise<string> => {
  await new Promise((resolve) => setTimeout(resolve, ms))
  return value
}

export const spin = (): never => {
  for (;;);
}

export const broken = (message: string): number => {
  throw new RangeError(message)
}

export const leave = (code: number): void => process.exit(code)

export const uncloneable = (): unknown => () => 1

export const notAFunction = 3
