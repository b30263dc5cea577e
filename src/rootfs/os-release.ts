/** Where an os-release lies in a rootfs, in the order in which it is looked for (os-release(5)). */
export const osReleasePaths = ['etc/os-release', 'usr/lib/os-release'] as const;

/** The longest os-release that is read; a real one has about 500 bytes. */
export const osReleaseMaxBytes = 64 * 1024;

/** The values of an os-release text, unquoted; what is no assignment is passed over (os-release(5)). */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    values.set(match[1], unquote(match[2]));
  }
  return values;
}

function unquote(value: string): string {
  const quote = value.at(0);
  const quoted = value.length >= 2 && (quote === '"' || quote === "'") && value.endsWith(quote);
  const inner = quoted ? value.slice(1, -1) : value;
  return quote === "'" ? inner : inner.replace(/\\(["$`\\])/g, '$1');
}

/** The name for people: PRETTY_NAME, else NAME, else `unknown`; never with control characters. */
export function prettyName(osRelease: ReadonlyMap<string, string>): string {
  const name = osRelease.get('PRETTY_NAME') || osRelease.get('NAME') || '';
  const printable = name.replace(/\p{C}/gu, '').slice(0, 128).trim();
  return printable === '' ? 'unknown' : printable;
}
