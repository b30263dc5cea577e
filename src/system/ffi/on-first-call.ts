/** A function that makes its value on the first call and keeps it: a constant that costs nothing until used. */
export function onFirstCall<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
