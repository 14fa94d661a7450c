/** A new id, about 25 letters and digits. */
export function newId(): string {
  // `crypto.randomUUID` needs a secure context, and demos are looked at over plain HTTP too.
  return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("");
}
