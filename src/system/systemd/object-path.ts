/**
 * A name as one element of an object path: letters and digits stay, every other byte becomes `_xx`, also a digit
 * at the beginning (sd_bus_path_encode(3)).
 */
export function pathElement(name: string): string {
  if (name === '') return '_';
  const escaped = (byte: number): string => `_${byte.toString(16).padStart(2, '0')}`;
  return [...Buffer.from(name, 'utf8')]
    .map((byte, index) => {
      const character = String.fromCharCode(byte);
      const plain = index === 0 ? /[A-Za-z]/ : /[A-Za-z0-9]/;
      return plain.test(character) ? character : escaped(byte);
    })
    .join('');
}
