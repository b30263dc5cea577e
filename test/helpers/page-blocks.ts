import { readFileSync } from 'node:fs';

/** A fenced block of a page of documentation. */
export interface PageBlock {
  /** What stands behind the opening fence. */
  readonly language: string;
  /** Number of its first line of text, from 1. */
  readonly line: number;
  readonly text: string;
}

/** A page of the checkout, by its path from there. */
export function readPage(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** The fenced blocks of a page, in order. */
export function blocksOf(page: string): PageBlock[] {
  const blocks: PageBlock[] = [];
  let open: { readonly language: string; readonly line: number; readonly lines: string[] } | undefined;
  page.split('\n').forEach((line, index) => {
    if (!line.startsWith('```')) open?.lines.push(line);
    else if (open === undefined) open = { language: line.slice(3), line: index + 2, lines: [] };
    else {
      blocks.push({ language: open.language, line: open.line, text: `${open.lines.join('\n')}\n` });
      open = undefined;
    }
  });
  return blocks;
}

/** The blocks of shell below a heading, as a script whose lines have the numbers that they have on the page. */
export function shellScript(page: string, heading: string): string {
  const lines = page.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`the page has no line "${heading}"`);
  const depth = heading.lastIndexOf('#') + 1;
  const next = lines.findIndex((line, at) => at > start && /^#+ /.test(line) && line.indexOf(' ') <= depth);
  const script: string[] = [];
  for (const { language, line, text } of blocksOf(page)) {
    if (language !== 'sh' || line <= start || (next >= 0 && line > next)) continue;
    script.push(...Array.from({ length: line - 1 - script.length }, () => ''), ...text.trimEnd().split('\n'));
  }
  return `${script.join('\n')}\n`;
}
