/**
 * The code points that are no characters: U+FDD0 to U+FDEF, and the last two of each plane (The Unicode Standard, 23.7).
 * systemd takes no text with one of them: a line of a unit that has one makes the unit invalid, and an environment file
 * counts as a whole (`utf8_is_valid` of its utf8.c).
 */
const noncharacters = /\p{Noncharacter_Code_Point}/u;

/** True when systemd would not take `text` for its code points. */
export function hasNoncharacter(text: string): boolean {
  return noncharacters.test(text);
}
