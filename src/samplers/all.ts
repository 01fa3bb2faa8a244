/** No sampling: every example counts the same, as in Sampling-Free and, before its weights, in Focal Loss. */

/** Weight 1 for foreground and background, 0 for ignored anchors; [A] -> [A]. */
export function sampleAll(labels: Int32Array): Float32Array {
  const weights = new Float32Array(labels.length);
  for (let i = 0; i < labels.length; i++) if (labels[i]! >= 0) weights[i] = 1;
  return weights;
}
