/**
 * ONNX Runtime 1.30 writes files to the temporary folder and reports over the network, unless this is set before it is loaded. Nothing leaves the machine
 * here; a program that sets ORT_DISABLE_TELEMETRY itself has its way.
 */
export const silenceTelemetry = (): void => {
  process.env.ORT_DISABLE_TELEMETRY ??= "1"
}
