/** What misbehaving.js can be told to do, by seed. */
export const HANGS = 1;
export const DIES = 2;
export const EATS_MEMORY = 3;
export const EATS_HEAP = 4;
export const FINDS = 5;
export const WAITS = 6;
