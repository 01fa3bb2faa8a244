/** The size of what a network sees: images of a batch after resizing and padding, in pixels. */
export type Canvas = {readonly height: number; readonly width: number};
