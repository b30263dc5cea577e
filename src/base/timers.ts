/** The longest time a timer takes, in milliseconds: `setTimeout` fires a longer one at once. */
export const longestTimer = 2 ** 31 - 1;
