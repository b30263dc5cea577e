/** What a 401 asks for (RFC 9110, 11.6.1). Scheme in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Longest header that is looked at. */
const maxLength = 8192;

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const schemePattern = new RegExp(`(${token})(?: +|$|(?=,))`, 'y');
const parameterPattern = new RegExp(`(${token})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`, 'y');
const separator = /[ \t]*,?[ \t]*/y;

/** Challenges of a WWW-Authenticate header, in order: quoted commas, escapes and several challenges in one header are understood. */
export function parseChallenges(header: string): Challenge[] {
  const text = header.slice(0, maxLength);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match !== null) position = pattern.lastIndex;
    return match;
  };
  while (position < text.length) {
    take(separator);
    const parameter = take(parameterPattern);
    const current = challenges.at(-1);
    if (parameter !== null && current !== undefined) {
      const value = parameter[3] ?? (parameter[2] ?? '').replace(/\\(.)/g, '$1');
      current.parameters.set((parameter[1] ?? '').toLowerCase(), value);
      continue;
    }
    const scheme = parameter === null ? take(schemePattern) : null;
    if (scheme === null) break;
    challenges.push({ scheme: (scheme[1] ?? '').toLowerCase(), parameters: new Map() });
  }
  return challenges;
}

/** What we can answer: Bearer before Basic; undefined when neither is asked for. */
export function chooseChallenge(
  challenges: readonly Challenge[],
):
  | { readonly scheme: 'bearer'; readonly realm: string; readonly service: string; readonly scope: string }
  | { readonly scheme: 'basic' }
  | undefined {
  for (const { scheme, parameters } of challenges) {
    const realm = parameters.get('realm');
    if (scheme === 'bearer' && realm !== undefined) {
      return {
        scheme,
        realm,
        service: parameters.get('service') ?? '',
        scope: parameters.get('scope') ?? '',
      };
    }
  }
  return challenges.some(({ scheme }) => scheme === 'basic') ? { scheme: 'basic' } : undefined;
}
