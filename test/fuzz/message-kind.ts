/** The kind of a message: what is left of it without the numbers and names of its case, to count messages by. */
export function kindOf(message: string, folder: string): string {
  return message
    .replaceAll(folder, '')
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '"..."')
    .replaceAll(/[-+]?\d[\d.,e+-]*/g, '#')
    .slice(0, 160);
}
