/** Files as darknet writes them (src/parser.c, save_weights_upto). */
export type DarknetHeader = {
  readonly version?: readonly [major: number, minor: number, revision: number];
  readonly seen?: number;
};

/** Version 0.1 counts images in 32 bits, 0.2 in 64. */
export function darknetHeader({version = [0, 2, 0], seen = 32_013_312}: DarknetHeader = {}): Buffer {
  const wide = version[0] * 10 + version[1] >= 2;
  const bytes = Buffer.alloc(wide ? 20 : 16);
  for (const [i, part] of version.entries()) bytes.writeInt32LE(part, 4 * i);
  if (wide) bytes.writeBigInt64LE(BigInt(seen), 12);
  else bytes.writeInt32LE(seen, 12);
  return bytes;
}

export function darknetBytes(values: Float32Array, header: DarknetHeader = {}): Buffer {
  return Buffer.concat([
    darknetHeader(header),
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  ]);
}
