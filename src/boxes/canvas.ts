/** The size of what a network sees: images of a batch after resizing and padding, in pixels. */
export type Canvas = {readonly height: number; readonly width: number};

/**
 * What `make` makes of a canvas, remembered for the `capacity` canvases used last: images of a data set have few sizes.
 * The values are shared: read them, never write.
 */
export function canvasCache<T>(make: (canvas: Canvas) => T, capacity = 16): (canvas: Canvas) => T {
  const recent = new Map<string, T>(); // by falling time of last use
  return canvas => {
    const key = `${canvas.height}x${canvas.width}`;
    const value = recent.get(key) ?? make(canvas);
    recent.delete(key);
    recent.set(key, value);
    for (const oldest of recent.keys()) {
      if (recent.size <= capacity) break;
      recent.delete(oldest);
    }
    return value;
  };
}
